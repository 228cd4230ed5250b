"""The desk's pages, and what they share; run by Streamlit."""

from pathlib import Path
from typing import Final

import streamlit as st

from moderation.desk.installation import told

HERE: Final = Path(__file__).resolve().parent


@told
def main() -> None:
    """Draw the page that was asked for."""
    # An emoji: an icon by name would be fetched from a font server by the browser's tab.
    st.set_page_config(page_title="Review desk", page_icon="🛡️", layout="wide", initial_sidebar_state="collapsed")
    st.html(HERE / "desk.css")
    page = st.navigation(
        [
            st.Page(HERE / "review.py", title="Review", default=True),
            st.Page(HERE / "decisions.py", title="My decisions"),
            st.Page(HERE / "batch.py", title="Batch"),
            st.Page(HERE / "teach.py", title="Teach"),
            st.Page(HERE / "campaigns.py", title="Campaigns"),
            st.Page(HERE / "sweep.py", title="Sweep"),
            st.Page(HERE / "policy_page.py", title="Policy", url_path="policy"),
        ],
        position="top",
    )
    page.run()


if __name__ == "__main__":
    main()
