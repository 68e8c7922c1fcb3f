"""What is replaced in Gradio, on a page of Gradio's own."""

from __future__ import annotations

import gradio as gr
from fastapi.testclient import TestClient
from gradio.routes import App

from page.private_gradio import leave_endpoints_out, lighten


def test_a_session_keeps_its_values_and_describes_no_component() -> None:
    """Each call of a client described the whole page first: thirty calls at once took 5 s."""
    with gr.Blocks() as blocks:
        count, box = gr.State(0), gr.Textbox()
        gr.Button().click(
            lambda n, _: (n + 1, f"{n + 1}"), [count, box], [count, box], api_name="count"
        )
    app = App.create_app(blocks)
    lighten(app)
    client = TestClient(app)

    def call(session: str) -> str:
        values = {"data": [None, "a"], "session_hash": session}
        return client.post("/gradio_api/run/count", json=values).json()["data"][-1]

    assert [call("one"), call("one"), call("two")] == ["1", "2", "1"]
    assert set(app.state_holder["one"].config_values) == {count._id}


def test_a_browser_gets_no_parameters_of_endpoints_and_clients_do() -> None:
    """They were a sixth of what Gradio searches for each trigger when the page is loaded."""

    def double(number: int) -> int:
        return 2 * number

    with gr.Blocks() as blocks:
        text = gr.Markdown()
        gr.api(double, api_name="double")
    config = blocks.get_config_file()
    leave_endpoints_out(config)
    shown = config["page"][""]
    endpoints = {x["id"] for x in config["components"] if x["type"] == "api"}
    assert len(endpoints) == 2  # a number, and its double
    assert endpoints.isdisjoint(shown["components"])
    assert [x["id"] for x in shown["layout"]["children"]] == [text._id]
    assert len(shown["dependencies"]) == 1  # "Use via API" lists it
