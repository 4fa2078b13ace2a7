"""What users take into their own tests: a service without a network, and a transport that answers what a test says."""

__all__ = ["fake_service", "mock_transport"]
