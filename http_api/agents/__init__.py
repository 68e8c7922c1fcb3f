"""`/mcp`: tools for agents over the Model Context Protocol, on the same videos as `/v1/videos`."""
