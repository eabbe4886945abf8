"""Load tests: are quality of service and money good enough? What is run is `locustfile.py`."""
