"""What is measured side by side: the gateway and its peers, each configured as an expert would."""
