"""From a lane's waiting rows to confirmed effects: form a consignment, send, look up, poll, settle."""
