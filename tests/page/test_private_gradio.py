"""What is replaced in Gradio, on a page of Gradio's own."""

from __future__ import annotations

import gradio as gr
from fastapi.testclient import TestClient
from gradio.routes import App

from page.private_gradio import lighten


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
