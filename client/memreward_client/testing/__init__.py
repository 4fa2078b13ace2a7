"""What users take into their own tests: a service without a network, and a transport that answers what a test says."""
