"""Where is the console? One provider for each kind of cloud; nothing here keeps a connection to a VM."""
