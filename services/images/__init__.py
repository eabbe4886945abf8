"""The images of the containers: what each is made of, how it is named after that, and how it is built without network.

Debian's packages and Python's are fetched on the host, where its proxy and certificates are known; a Containerfile only
copies and compiles.
"""
