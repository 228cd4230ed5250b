"""The desk's pages, and who may see which; run by Streamlit."""

from html import escape
from pathlib import Path
from typing import Final

import streamlit as st

from moderation.access import Person
from moderation.desk import installation, markup
from moderation.desk.installation import told
from moderation.desk.words import say
from moderation.errors import NotAllowed

HERE: Final = Path(__file__).resolve().parent

# In the order of the bar: the file, the key of its title, and the least role that sees it. A page that is left out
# answers "Page not found"; what it could do is refused below it all the same.
PAGES: Final = (
    ("queue_page.py", "queue", "moderator"),
    ("campaigns.py", "campaigns", "moderator"),
    ("sweep.py", "sweep", "moderator"),
    ("batch.py", "batch", "moderator"),
    ("teach.py", "teach", "moderator"),
    ("policy_page.py", "policy", "moderator"),
    ("team.py", "team", "viewer"),
)
STYLES: Final = ("desk.css", "bulk.css", "team.css")


@told
def main() -> None:
    """Draw the page that was asked for, or the way to sign in."""
    # An emoji: an icon by name would be fetched from a font server by the browser's tab.
    st.set_page_config(page_title="Review desk", page_icon="🛡️", layout="wide", initial_sidebar_state="collapsed")
    for style in STYLES:
        st.html(HERE / style)
    try:
        person = installation.person()
    except NotAllowed as error:
        _ask_to_sign_in(error)
        return
    language = installation.language()
    seen = [(file, key) for file, key, role in PAGES if person.may(role)]
    pages = [
        st.Page(HERE / file, title=say(f"{key}.title", language), default=number == 0, url_path=key if number else None)
        for number, (file, key) in enumerate(seen)
    ]
    chosen = st.navigation(pages, position="top")
    if not installation.is_open():
        _say_who(person, language)
    chosen.run()


def _say_who(person: Person, language: str) -> None:
    role = escape(say(f"team.role_{person.role}", language))
    out = escape(say("signin.signout", language))
    if person.stamp:
        way = f'<a href="signout" target="_self">{out}</a>'
        st.html(f'<div class="who-am-i">{markup.foreign(person.name)}<span class="role">{role}</span>{way}</div>')
    else:
        with st.container(key="who_am_i"):
            st.html(f'<div class="who-am-i">{markup.foreign(person.name)}<span class="role">{role}</span></div>')
            st.button(say("signin.signout", language), key="sign_out", on_click=st.logout, type="tertiary")


def _ask_to_sign_in(error: NotAllowed) -> None:
    language = installation.language()
    st.navigation([st.Page(lambda: None, title=say("signin.title", language), default=True)], position="hidden")
    with st.container(key="ask_to_sign_in"):
        if installation.has_provider():
            if st.user.get("is_logged_in"):
                st.html(markup.callout("warning", str(error)))
                st.button(say("signin.signout", language), key="provider_out", on_click=st.logout)
            else:
                st.html(markup.empty(say("signin.title", language), say("signin.provider_about", language)))
                st.button(say("signin.provider", language), key="provider_in", on_click=st.login, type="primary")
        else:
            st.html(markup.empty(say("signin.title", language), say("signin.ended", language)))
        if installation.opened().accounts():
            words = escape(say("signin.local", language))
            st.html(f'<p class="local"><a href="signin" target="_self">{words}</a></p>')


if __name__ == "__main__":
    main()
