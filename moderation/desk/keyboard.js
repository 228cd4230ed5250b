// Three things that Streamlit has no word for: a key that puts the cursor into the note, a click on a queue row, and
// giving the keyboard back to the card once a queue has been chosen (a list that keeps the focus swallows the letters).
// Nothing is read from the page but a row's number, and nothing is written into it.

const mounted = new WeakMap(); // the function below is called on every change; the listeners are added once per mount

export default function ({ data, parentElement, setTriggerValue }) {
  const known = mounted.get(parentElement);
  if (known) {
    known.send = setTriggerValue;
    if (known.queue !== data.queue) document.activeElement?.closest?.(".st-key-toolbar") && document.activeElement.blur();
    known.queue = data.queue;
    return;
  }
  const here = { send: setTriggerValue, queue: data.queue };

  const note = () => document.querySelector('[class*="st-key-note_"] input');
  const typing = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  here.onKey = (event) => {
    const target = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('[role="dialog"]')) return;
    if (target === note() && (event.key === "Escape" || event.key === "Enter")) {
      setTimeout(() => target.blur(), 0); // after Streamlit has taken the text
    } else if (event.key.toLowerCase() === "n" && !event.repeat && !typing(target) && note()) {
      event.preventDefault();
      note().focus();
    }
  };
  here.onClick = (event) => {
    const row = event.target.closest?.("ul.queue li[data-place]");
    if (row) here.send("open", Number(row.dataset.place));
  };

  document.addEventListener("keydown", here.onKey);
  document.addEventListener("click", here.onClick);
  mounted.set(parentElement, here);
  return () => {
    document.removeEventListener("keydown", here.onKey);
    document.removeEventListener("click", here.onClick);
    mounted.delete(parentElement);
  };
}
