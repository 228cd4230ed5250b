"""Streamlit entry: `streamlit run app.py` opens the same desk as `moderation app`."""

from streamlit.starlette import App

from moderation.desk import SCRIPT
from moderation.desk.guard import MIDDLEWARE, excuse, prepared
from moderation.desk.signin import ROUTES

app = App(SCRIPT, middleware=MIDDLEWARE, routes=ROUTES, lifespan=prepared, on_script_error=excuse)
