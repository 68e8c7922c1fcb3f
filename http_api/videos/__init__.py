"""`/v1/videos`: the HTTP API that clients of Sora speak, on Kinora's own jobs."""
