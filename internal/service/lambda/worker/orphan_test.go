package worker

func orphanServer(string) {}
