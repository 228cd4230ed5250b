// The card, the queue beside it and what bears on it: decided here, at once, for what is on the screen; then told to the
// server until it says that it has taken it.
//
// Four rules keep fast fingers safe.
//   1. A key acts on the card that this page has painted, and takes it off the screen in the same breath.
//   2. What was pressed is a log. The whole log that the server has not acknowledged is told each time, so that a message
//      that is lost, merged with another or sent twice changes nothing. Every act has a number, and the page a name.
//   3. The log lies in this browser's storage until it is acknowledged: a reload, a dead server or a closed lid keeps it.
//      It holds names, numbers and the moderator's own note, never a comment.
//   4. Answers of the server that come late or twice are known by their number; a card that was decided does not return.
//
// Foreign text goes into the page by textContent and nowhere else. Nothing here makes a link.

// The function below is called on every change; the desk is made once per mount. It hangs on the element, where the next
// module finds it: a server that was upgraded sends other code to the same page, and two desks would take each key twice.
const DESK = Symbol.for("moderation.desk");

export default function ({ data, parentElement, setStateValue }) {
  let desk = parentElement[DESK];
  if (!(desk instanceof Desk)) {
    desk?.leave();
    desk = new Desk(parentElement);
    parentElement[DESK] = desk;
  }
  desk.hear(data, (told) => setStateValue("told", told));
  return () => {
    desk.leave();
    if (parentElement[DESK] === desk) delete parentElement[DESK];
  };
}

const SLOW_MS = 700; // an act that is not acknowledged by then is shown as not saved yet
const AGAIN_MS = 2000; // and told again after this
const ASK_MS = 150; // how often what explains the card on screen is asked for
const IDLE_MS = 60; // how long a hand must rest before anything is asked for
const BEAT_MS = 45_000; // how often the server hears that this page is alive
const AHEAD = 3; // cards behind the one on screen whose surroundings are asked for
const PAUSE_MS = 5 * 60_000; // hands off the keys for so long is a pause
const LATE_MS = 3000; // how long after another lens a list may still take the focus
const REMEMBERED = 50; // acts that can be taken back without asking the server for the card
const UNKNOWN = Number.MAX_SAFE_INTEGER; // the version that an answer to an undone card will have left
const LINES = 8; // rows of the queue beside the card
const ROOM = "moderation.acts."; // where unacknowledged acts lie

class Desk {
  constructor(root) {
    this.root = root;
    this.page = name();
    this.seq = 0;
    this.tick = 0;
    this.log = []; // this page's acts that are not acknowledged
    this.left = new Map(); // other pages' acts that were found in the storage: page -> acts
    this.cards = [];
    this.at = 0;
    this.session = "";
    this.run = -1;
    this.got = 0;
    this.generation = null;
    this.done = new Map(); // comment -> version that was answered here
    this.past = []; // what can be taken back
    this.touched = new Map(); // comment -> label -> what was pressed: nobody's truth before it is decided
    this.notes = new Map();
    this.contexts = new Map();
    this.revealed = new Set();
    this.gone = new Map();
    this.news = [];
    this.newest = 0;
    this.count = 0;
    this.sent = { at: 0, tick: -1 };
    this.dirty = false;
    this.painted = "";
    this.zen = sessionStorage.getItem("moderation.zen") === "1";
    this.writing = false;
    this.pressed = 0;
    this.turned = -Infinity;
    this.went = 0;
    this.send = () => {};
    this.onKey = (event) => this.key(event);
    this.onStore = () => this.tell();
    this.onPointer = () => {
      this.went = performance.now();
    };
    window.addEventListener("keydown", this.onKey, true); // before Streamlit, which has keys of its own
    window.addEventListener("online", this.onStore);
    window.addEventListener("pointerdown", this.onPointer, true);
    this.timer = setInterval(() => this.beat(), 250);
  }

  leave() {
    this.frame?.remove();
    window.removeEventListener("keydown", this.onKey, true);
    window.removeEventListener("online", this.onStore);
    window.removeEventListener("pointerdown", this.onPointer, true);
    clearInterval(this.timer);
    document.documentElement.classList.remove("zen");
  }

  // --- What the server says

  hear(data, send) {
    this.send = send;
    const first = !this.data;
    if (!first && data.session === this.session && data.run < this.run) return; // a late, older answer
    this.data = data;
    this.run = data.run;
    if (data.session !== this.session) {
      this.session = data.session;
      this.got = 0;
    }
    if (first) this.find();
    this.acknowledge(data.acked, data.versions);
    if (data.page === this.page) {
      if (data.generation !== this.generation) this.turnTo(data.generation);
      this.take(data.cards);
      for (const { id, text } of data.gone) this.lose(id, text);
      for (const [id, more] of Object.entries(data.contexts)) {
        // The second half of what another lens had shown comes late, and alone: it is asked for again, from the start.
        if (this.contexts.has(id) || "author" in more) this.contexts.set(id, { ...(this.contexts.get(id) ?? {}), ...more });
      }
    }
    for (const one of data.news) {
      if (one.n <= this.newest && data.session === this.newsOf) continue;
      this.news = [...this.news, one].slice(-4);
      if (one.kind === "notice") this.say(one.text);
    }
    if (data.news.length) {
      this.newest = data.news[data.news.length - 1].n;
      this.newsOf = data.session;
    }
    if (data.heard >= this.sent.tick) this.sent.tick = -1;
    this.paint();
    if (first || data.page !== this.page || this.dirty) this.tell();
  }

  turnTo(generation) {
    if (this.generation !== null) {
      this.cards = [];
      this.contexts.clear();
      this.at = 0;
    }
    this.generation = generation;
    // The list it was chosen from gives the keyboard back: one that keeps the focus swallows the letters. At the first
    // cards too: another lens may have brought another desk with it.
    this.turned = performance.now();
    this.giveBack();
  }

  // A list that closes may take the focus once more, at once or after the cards that were chosen in it have come. Who
  // goes back to the toolbar by hand, with a pointer or Tab, is let in.
  giveBack() {
    const late = performance.now() - this.turned < LATE_MS && this.turned > this.went;
    if (late && document.activeElement?.closest?.(".st-key-toolbar")) document.activeElement.blur();
  }

  take(cards) {
    for (const card of cards) {
      if (card.n <= this.got) continue;
      this.got = card.n;
      if (this.done.has(card.id) && this.done.get(card.id) >= card.seen && !card.front) continue;
      const place = this.cards.findIndex((one) => one.id === card.id);
      if (card.front) {
        if (place >= 0) this.cards.splice(place, 1);
        this.done.delete(card.id);
        this.gone.delete(card.id);
        if (card.touched) this.touched.set(card.id, { ...card.touched });
        if (card.note) this.notes.set(card.id, card.note);
        this.at = Math.min(this.at, this.cards.length);
        this.cards.splice(this.at, 0, card);
      } else if (place < 0) {
        this.cards.push(card);
      } else if (card.seen >= this.cards[place].seen && this.cards[place].after === undefined) {
        this.cards[place] = card;
      }
    }
  }

  lose(id, text) {
    const place = this.cards.findIndex((one) => one.id === id);
    if (place < 0) return;
    if (place === this.at) {
      this.gone.set(id, text); // it is being read: it stays, and says so
      return;
    }
    this.cards.splice(place, 1);
    if (place < this.at) this.at -= 1;
  }

  acknowledge(acked, versions) {
    const before = this.log.length;
    this.log = this.log.filter((act) => act.seq > (acked[this.page] ?? 0));
    if (this.log.length !== before) this.keep();
    for (const [page, acts] of this.left) {
      const rest = acts.filter((act) => act.seq > (acked[page] ?? 0));
      if (rest.length === acts.length) continue;
      if (rest.length) this.left.set(page, rest);
      else this.left.delete(page);
      store(this.room(page), rest);
    }
    for (const one of [...this.cards, ...this.log]) {
      const version = one.after === undefined ? undefined : versions[`${this.page}:${one.after}`];
      if (version !== undefined) {
        one.seen = version;
        delete one.after;
      }
    }
  }

  // --- What the server is told

  room(page) {
    return `${ROOM}${this.data.place}.${page}`;
  }

  find() {
    const start = this.room("");
    for (const [key, acts] of stored(start)) this.left.set(key.slice(start.length), acts);
    this.left.delete(this.page);
  }

  keep() {
    store(this.room(this.page), this.log);
  }

  tell() {
    if (!this.data) return;
    if (this.sent.tick >= 0 && performance.now() - this.sent.at < AGAIN_MS) {
      this.dirty = true; // one message at a time: what was pressed meanwhile goes with the next
      return;
    }
    this.dirty = false;
    this.tick += 1;
    this.sent = { at: performance.now(), tick: this.tick };
    const logs = Object.fromEntries(this.left);
    if (this.log.length) logs[this.page] = this.log;
    try {
      this.send({
        page: this.page,
        tick: this.tick,
        session: this.session,
        got: this.got,
        lacks: this.lacks(),
        logs,
      });
    } catch {
      this.dirty = true; // no connection: the beat tells it again
    }
  }

  lacks() {
    if (performance.now() - this.pressed < IDLE_MS) return [];
    return this.cards
      .slice(this.at, this.at + 1 + AHEAD)
      .filter((card) => !this.contexts.get(card.id)?.whole)
      .map((card) => [card.id, this.contexts.has(card.id) ? 1 : 0]);
  }

  beat() {
    const now = performance.now();
    const waiting = this.sent.tick >= 0 && now - this.sent.at < AGAIN_MS;
    if (!waiting && this.data) {
      const since = now - this.sent.at;
      const lacks = since > ASK_MS ? this.lacks() : [];
      const short = !this.data.ended && this.cards.length <= this.data.low && since > ASK_MS;
      const pending = (this.log.length || this.left.size || this.dirty) && since > ASK_MS;
      const empty = this.data.ended && !this.cards.length && since > 15_000;
      if (lacks.length || short || pending || empty || since > BEAT_MS) this.tell();
    }
    this.paintPending();
    this.giveBack();
    this.rest();
  }

  // --- Acts

  get card() {
    return this.cards[this.at];
  }

  decide(action) {
    const card = this.card;
    if (!card) {
      this.say(this.data.ended ? this.data.words.nothing_here : this.data.words.still_loading, true);
      return;
    }
    const act = {
      seq: ++this.seq,
      action,
      id: card.id,
      seen: card.seen,
      lens: card.lens,
      asked: card.asked,
      touched: { ...(this.touched.get(card.id) ?? {}) },
      note: this.notes.get(card.id) ?? "",
      at: Date.now(),
    };
    if (card.after !== undefined) act.after = card.after;
    this.done.set(card.id, card.after === undefined ? card.seen : UNKNOWN);
    this.past = [...this.past, { seq: act.seq, card }].slice(-REMEMBERED);
    this.cards.splice(this.at, 1);
    this.at = Math.min(this.at, Math.max(0, this.cards.length - 1));
    this.gone.delete(card.id);
    this.count += 1;
    this.push(act);
  }

  undo() {
    const last = this.past.pop();
    if (!last) {
      this.push({ seq: ++this.seq, action: "undo", id: "", at: Date.now() });
      return;
    }
    const act = { seq: ++this.seq, action: "undo", id: last.card.id, of: last.seq, at: Date.now() };
    this.done.delete(last.card.id);
    this.at = Math.min(this.at, this.cards.length);
    this.cards = this.cards.filter((one) => one.id !== last.card.id);
    this.cards.splice(this.at, 0, { ...last.card, after: act.seq });
    this.count = Math.max(0, this.count - 1);
    this.push(act);
    this.say(this.data.words.taken_back);
  }

  push(act) {
    this.log.push(act);
    this.keep();
    this.paint();
    this.tell();
  }

  touch(label, wanted) {
    const card = this.card;
    if (!card) return;
    const said = this.touched.get(card.id) ?? {};
    const next = wanted !== undefined ? wanted : { undefined: true, true: false, false: null, null: true }[String(said[label])];
    this.touched.set(card.id, { ...said, [label]: said[label] === next && wanted !== undefined ? null : next });
    this.paint();
  }

  step(by) {
    const to = Math.min(Math.max(this.at + by, 0), Math.max(0, this.cards.length - 1));
    if (to === this.at) this.say(this.data.words[by > 0 ? "last_card" : "first_card"]);
    this.at = to;
    this.paint();
    this.tell();
  }

  open(place) {
    if (place >= 0 && place < this.cards.length) {
      this.at = place;
      this.paint();
      this.tell();
    }
  }

  // --- Keys

  key(event) {
    const target = event.composedPath()[0];
    if (event.isComposing || !this.data) return;
    if (target === this.noteField) {
      if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
        event.preventDefault();
        this.closeNote();
      }
      event.stopImmediatePropagation();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Tab") this.went = performance.now();
    if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
      // Esc gives the keyboard back to the card; where a list is open it closes that first.
      const closed = target.getAttribute("aria-expanded") !== "true";
      if (event.key === "Escape" && closed && target.closest(".st-key-toolbar")) target.blur();
      return;
    }
    if (document.querySelector('[data-testid="stDialog"]')) return; // a dialog is up: its keys are its own
    if (event.key === "Escape" && this.zen) return this.eat(event, () => this.toggleZen());
    const pressed = keyName(event);
    const act = this.data.keys[pressed.key] ?? (pressed.shifted ? this.data.keys[pressed.shifted] : undefined);
    if (!act) return;
    // A key that is held down repeats itself: looking on may, deciding may not.
    if (event.repeat && act !== "next" && act !== "previous") return this.eat(event, () => {});
    this.eat(event, () => this.run_(act, event.shiftKey && !(pressed.key in this.data.keys)));
  }

  eat(event, then) {
    event.preventDefault();
    event.stopImmediatePropagation();
    this.pressed = performance.now();
    then();
  }

  run_(act, shifted) {
    if (act.startsWith("label:")) return this.touch(act.slice(6), shifted ? false : undefined);
    switch (act) {
      case "undo": return this.undo();
      case "next": return this.step(1);
      case "previous": return this.step(-1);
      case "note": return this.openNote();
      case "zen": return this.toggleZen();
      case "reveal": return this.reveal();
      case "help": return this.help();
      default: return this.decide(act);
    }
  }

  openNote() {
    if (!this.card || !this.noteField) return;
    this.writing = true;
    this.noteOf = this.card.id;
    this.noteField.hidden = false;
    this.noteField.focus();
  }

  closeNote() {
    this.writing = false;
    const text = this.noteField.value.trim();
    if (text) this.notes.set(this.noteOf, text);
    else this.notes.delete(this.noteOf);
    this.noteField.blur();
    this.paint(true);
  }

  toggleZen() {
    this.zen = !this.zen;
    sessionStorage.setItem("moderation.zen", this.zen ? "1" : "0");
    this.paint(true);
    if (this.zen) this.say(this.data.words.zen_on);
  }

  reveal() {
    if (!this.card) return;
    if (this.revealed.has(this.card.id)) this.revealed.delete(this.card.id);
    else this.revealed.add(this.card.id);
    this.paint(true);
  }

  help() {
    document.querySelector(".st-key-help button")?.click();
  }

  // Reading this wears: after a while without a pause, one is suggested. Once, and again after as long.
  rest() {
    const after = this.data?.look.rest_after_min;
    if (!after || !this.pressed) return;
    const now = Date.now();
    const kept = JSON.parse(sessionStorage.getItem("moderation.at-work") ?? "null") ?? { since: now, last: now };
    if (performance.now() - this.pressed < 1000) {
      if (now - kept.last > PAUSE_MS) kept.since = now;
      kept.last = now;
    }
    if (now - kept.since > after * 60_000 && now - kept.last < 5000) {
      kept.since = now;
      this.news = [...this.news, { n: `rest${now}`, kind: "break", text: this.data.words.rest.replace("{n}", after) }].slice(-4);
      this.paintNews();
    }
    sessionStorage.setItem("moderation.at-work", JSON.stringify(kept));
  }

  // --- Painting

  paint(whatever = false) {
    if (!this.data) return;
    document.documentElement.classList.toggle("zen", this.zen);
    if (!this.frame) this.build();
    const card = this.card;
    const context = card ? this.contexts.get(card.id) : undefined;
    const mark = JSON.stringify([
      card?.id, card?.seen, card?.n, this.touched.get(card?.id), this.notes.get(card?.id), context?.whole,
      !!context, this.gone.get(card?.id), this.data.ended, this.data.look, this.revealed.has(card?.id),
    ]);
    if (mark !== this.painted || whatever) {
      this.painted = mark;
      this.paintCard(card, context);
      this.paintContext(card, context);
    }
    this.paintQueue();
    this.paintNews();
    this.paintPending();
  }

  build() {
    const { words } = this.data;
    this.frame = el("div", { class: "desk" });
    this.queueSide = el("aside", { class: "side queue-side", "aria-label": words.queue });
    this.alikeSide = el("aside", { class: "side alike-side", "aria-label": words.alike });
    this.leftSide = el("div", { class: "side left-side" });
    this.leftSide.append(this.queueSide, this.alikeSide);
    this.main = el("section", { class: "main", "aria-label": words.card });
    this.contextSide = el("aside", { class: "side context-side", "aria-label": words.context });
    this.newsBox = el("div", { class: "news", role: "status", "aria-live": "polite" });
    this.cardBox = el("div", { class: "card" });
    this.foot = el("div", { class: "foot" });
    this.pendingBox = el("span", { class: "pending", role: "status", hidden: "" });
    this.sayBox = el("span", { class: "spoken", role: "status", "aria-live": "polite" });
    this.foot.append(this.pendingBox, this.sayBox);
    this.main.append(this.cardBox, this.foot, this.newsBox);
    this.frame.append(this.leftSide, this.main, this.contextSide);
    this.root.append(this.frame); // beside the style sheet that came with it
  }

  paintCard(card, context) {
    const { words, look } = this.data;
    this.frame.dataset.card = card ? card.id : "";
    this.frame.dataset.state = card ? "card" : this.data.page !== this.page || !this.data.ended ? "loading" : "empty";
    const noted = this.writing && this.noteOf === card?.id ? this.noteField : null;
    if (noted) this.noteAt = [noted.selectionStart, noted.selectionEnd];
    else this.writing = false;
    this.noteField = null;
    if (!card) {
      this.cardBox.replaceChildren(this.frame.dataset.state === "loading" ? loading(words) : this.empty());
      return;
    }
    const touched = this.touched.get(card.id) ?? {};
    const label = this.data.labels.find((one) => one.name === card.asked);
    const score = label && card.scores[label.name];
    const asks = el("h2", { class: `asks${score?.over ? " over" : ""}` });
    if (label) asks.append(el("span", {}, `${label.title}?`), el("span", { class: "p" }, score ? score.said : "–"));
    else asks.append(words.no_score);
    const about = el("div", { class: "about" },
      foreign("span", card.author ?? "", "who", words.no_name),
      card.when && el("span", {}, card.when),
      card.kind && el("span", { class: "tag" }, card.kind),
      card.audit && el("span", { class: "tag audit", title: words.audit_why }, words.audit),
      card.turned && el("span", { class: "turned", title: words.turned_why }, words.turned),
      card.before && el("span", { class: "before" }, card.before),
    );
    const gone = this.gone.get(card.id);
    const body = el("div", { class: "body", dir: "auto", tabindex: "0", role: "article", "aria-label": words.comment });
    const veil = look.veil === "all" && !this.revealed.has(card.id);
    this.fillBody(body, card, context, veil);
    body.classList.toggle("veiled", veil);
    const held = this.cardBox.contains(document.activeElement) ? document.activeElement : null;
    this.painting = true; // what is being typed moves with the page, from here on: leaving it for that is no end of it
    const parts = [
      asks,
      label && el("p", { class: "means" }, words.means.replace("{yes}", label.yes).replace("{no}", label.no)),
      about,
      gone && el("div", { class: "gone", role: "alert" }, gone),
      body,
      veil && el("p", { class: "veil-hint" }, words.veiled, " ", this.button("reveal", words.do_reveal, "small")),
      card.size > card.text.length &&
        el("p", { class: "cut" }, words.cut.replace("{shown}", card.text.length.toLocaleString()).replace("{size}", card.size.toLocaleString())),
      this.legend(context),
      context?.fault && el("p", { class: "fault", role: "status" }, context.fault),
      this.policy(card),
      this.labels(card, touched),
      this.acts(card, touched, noted),
    ];
    const scrolled = this.bodyOf === card.id ? this.cardBox.querySelector(".body")?.scrollTop : 0;
    this.bodyOf = card.id;
    const writing = this.writing;
    this.cardBox.replaceChildren(...parts.filter(Boolean));
    this.painting = false;
    if (scrolled) body.scrollTop = scrolled;
    // Who presses the buttons by Tab and Enter finds the same one in hand on the next card.
    if (held?.dataset.act) this.cardBox.querySelector(`[data-act="${held.dataset.act}"]`)?.focus({ preventScroll: true });
    else if (held?.dataset.label) this.cardBox.querySelector(`[data-label="${held.dataset.label}"]`)?.focus({ preventScroll: true });
    else if (held?.classList.contains("body")) body.focus({ preventScroll: true });
    this.noteField = this.cardBox.querySelector("textarea.note");
    if (writing && this.noteField) {
      const [begin, end] = this.noteAt;
      this.noteField.hidden = false;
      this.noteField.focus();
      this.noteField.setSelectionRange(begin, end);
    }
  }

  fillBody(body, card, context, veil) {
    const shown = this.revealed.has(card.id);
    const pieces = context?.marks?.pieces ?? [[card.text]];
    if (veil) {
      body.append(el("span", { class: "veil", "aria-hidden": "true" }, words_of(card.text)));
      return;
    }
    const covered = shown ? [] : (card.veiled ?? []); // [begin, end] in the text, to be covered
    let at = 0;
    for (const [text, slot, depth, said] of pieces) {
      const parts = cover(text, at, covered);
      at += text.length;
      const into = slot === undefined ? body : el("mark", { class: slot < 0 ? `against d${depth}` : `for slot${slot} d${depth}`, title: said });
      for (const [part, hidden] of parts) {
        if (hidden) into.append(el("span", { class: "slur", title: this.data.words.covered }, "•".repeat(Math.min(12, part.length))));
        else into.append(part);
      }
      if (into !== body) body.append(into);
    }
  }

  legend(context) {
    const marks = context?.marks;
    if (!marks || !marks.slots.length || marks.pieces.length < 2) return el("div", { class: "legend" });
    const used = new Set(marks.pieces.map((piece) => piece[1]));
    const items = marks.titles
      .map((title, slot) => used.has(slot) && el("li", {}, el("mark", { class: `for slot${slot} d2` }, title)))
      .filter(Boolean);
    if (marks.against) items.push(el("li", {}, el("mark", { class: "against d2" }, `${this.data.words.against} ${marks.titles[0]}`)));
    const also = marks.also.length
      ? el("span", { class: "also" }, `${this.data.words.also} `,
          ...marks.also.map((one) => el("span", { class: `chip ${one.side}` }, one.name, " ", el("b", {}, one.weight))))
      : null;
    return el("div", { class: "legend" }, el("ul", { "aria-label": this.data.words.legend }, ...items), also);
  }

  policy(card) {
    if (!card.policy) return null;
    const { words } = this.data;
    const reasons = card.policy.reasons;
    return el("div", { class: `policy ${card.policy.action}` },
      el("b", {}, card.policy.said), " ",
      reasons.length ? reasons.slice(0, 4).join(" · ") : words.no_limit,
      reasons.length > 4 ? ` · ${words.and_more.replace("{n}", reasons.length - 4)}` : "");
  }

  labels(card, touched) {
    const { labels, words } = this.data;
    const keys = this.keysByAct();
    const rows = (group) =>
      labels.filter((one) => one.group === group).map((label) => {
        const state = touched[label.name];
        const name = state === true ? "yes" : state === false ? "no" : "open";
        const score = card.scores[label.name];
        const key = keys[`label:${label.name}`];
        const button = el("button", {
          type: "button", class: `state ${name}`, "data-label": label.name, "data-state": name,
          "aria-label": `${label.title}: ${words[name]}`, title: `${words.yes}: ${label.yes}. ${words.no}: ${label.no}.`,
        }, el("span", { class: "sign", "aria-hidden": "true" }, { yes: "✓", no: "✕", open: "○" }[name]),
          el("span", { class: "title" }, label.title), key && el("kbd", {}, key));
        button.addEventListener("click", (event) => {
          this.touch(label.name, event.shiftKey ? false : undefined);
          if (event.detail) document.activeElement?.blur();
        });
        const said = `${label.title}: ${score ? score.said : words.no_score_short}${label.limit === null ? "" : `; ${label.limit_said}`}`;
        const track = el("span", { class: "track" });
        const fill = el("span", { class: "fill" });
        fill.style.width = `${(score ? score.share : 0) * 100}%`;
        track.append(fill);
        if (label.limit !== null) {
          const tick = el("span", { class: "tick" });
          tick.style.left = `${Math.min(1, label.limit) * 100}%`;
          track.append(tick);
        }
        return el("div", { class: `row${score?.over ? " over" : ""}${label.name === card.asked ? " asked" : ""}` }, button,
          el("span", { class: "meter", role: "img", "aria-label": said, title: said }, track),
          el("span", { class: "share" }, score ? score.said : "–"));
      });
    return el("div", { class: "labels", role: "group", "aria-label": words.labels },
      el("div", { class: "group" }, ...rows("flags")), el("div", { class: "group" }, ...rows("abuse")));
  }

  acts(card, touched, noted) {
    const { words } = this.data;
    const says = (action) => this.saying(card, touched, action);
    const note = noted ?? el("textarea", { class: "note", rows: "2", maxlength: "2000", placeholder: words.note_hint, "aria-label": words.note, hidden: "" });
    if (!noted) {
      note.value = this.notes.get(card.id) ?? "";
      note.addEventListener("blur", () => this.writing && !this.painting && this.closeNote());
    }
    const kept = this.notes.get(card.id);
    return el("div", { class: "decide" },
      el("div", { class: "acts", role: "group", "aria-label": words.acts },
        this.button("approve", words.do_approve, "approve", says("approve")),
        this.button("reject", words.do_reject, "reject", says("reject")),
        this.button("skip", words.do_skip, "", words.skip_says),
        this.button("escalate", words.do_escalate, "", words.escalate_says),
        this.button("undo", words.do_undo, ""),
        this.button("note", words.do_note, ""),
      ),
      el("div", { class: "says" },
        el("span", {}, words.approve_says, " ", el("b", {}, says("approve"))),
        el("span", {}, words.reject_says, " ", el("b", {}, says("reject"))),
        el("span", { class: "steps" }, this.button("previous", words.do_previous, "small"), this.button("next", words.do_next, "small"))),
      kept && !this.writing && el("p", { class: "kept" }, `${words.note}: `, foreign("span", kept)),
      note);
  }

  // What a decision will carry, in words; the server works it out again by the same rule.
  saying(card, touched, action) {
    const said = this.data.labels
      .map(({ name, title }) => {
        const state = name === card.asked && !(name in touched) ? action === "reject" : touched[name];
        return state === true || state === false ? `${title} ${this.data.words[state ? "yes" : "no"]}` : null;
      })
      .filter(Boolean);
    return said.length ? said.join(", ") : this.data.words.says_nothing;
  }

  button(act, title, looks, hint = "") {
    const key = this.keysByAct()[act];
    const made = el("button", { type: "button", class: `act ${looks}`, "data-act": act, title: hint || title },
      el("span", {}, title), key && el("kbd", {}, key));
    made.addEventListener("click", (event) => {
      this.pressed = performance.now();
      this.run_(act, false);
      if (event.detail && act !== "note") document.activeElement?.blur(); // a click leaves the keys to the card
    });
    return made;
  }

  keysByAct() {
    if (this.keysOf !== this.data.keys) {
      this.keysOf = this.data.keys;
      this.byAct = Object.fromEntries(Object.entries(this.data.keys).map(([key, act]) => [act, keyLabel(key)]));
    }
    return this.byAct;
  }

  empty() {
    const { words, empty } = this.data;
    const box = el("div", { class: "empty" },
      el("div", { class: "sign", "aria-hidden": "true" }, empty.sign), el("div", { class: "big" }, empty.title), el("p", {}, empty.todo));
    if (empty.command) box.append(el("pre", {}, el("code", {}, empty.command)));
    box.append(el("div", { class: "acts" }, this.button("undo", words.do_undo, "")));
    return box;
  }

  paintQueue() {
    const { words } = this.data;
    const from = Math.max(0, Math.min(this.at - 2, this.cards.length - LINES));
    const shown = this.cards.slice(from, from + LINES);
    const mark = JSON.stringify([from, this.at, this.data.look.veil, shown.map((card) => card.id), this.cards.length, this.data.ended, this.data.waiting]);
    if (mark === this.queuePainted) return;
    this.queuePainted = mark;
    const rows = shown.map((card, offset) => {
      const place = from + offset;
      const label = card.asked && card.scores[card.asked];
      const row = el("li", { "data-place": String(place), ...(place === this.at ? { "aria-current": "true" } : {}) },
        el("div", { class: "head" }, foreign("span", card.author ?? "", "", words.no_name), el("span", { class: `side-p${label?.over ? " over" : ""}` }, label ? label.said : "")),
        foreign("div", this.data.look.veil === "all" ? words_of(card.text.slice(0, 80)) : line(masked(card)), "line", words.no_text));
      row.addEventListener("click", () => this.open(place));
      return row;
    });
    this.queueSide.replaceChildren(
      el("h3", {}, words.queue, el("span", { class: "n" }, this.data.waiting)),
      el("ul", { class: "rows queue" }, ...rows));
  }

  paintContext(card, context) {
    if (!card) {
      this.contextSide.replaceChildren();
      this.alikeSide.replaceChildren();
      return;
    }
    const { words } = this.data;
    if (!context) {
      this.alikeSide.replaceChildren();
      this.contextSide.replaceChildren(el("div", { class: "panel" }, el("h3", {}, words.article), el("div", { class: "bone" }), el("div", { class: "bone short" })));
      return;
    }
    const veil = this.data.look.veil === "all";
    this.contextSide.replaceChildren(
      ...[this.article(context), this.thread(context.thread, card, veil), this.author(context.author, card, veil)].filter(Boolean));
    this.alikeSide.replaceChildren(...[this.alike(context, veil)].filter(Boolean));
  }

  article({ article, passage }) {
    const { words } = this.data;
    if (!article) return el("section", { class: "panel" }, el("h3", {}, words.article), el("p", { class: "small" }, words.no_article));
    const near = passage ? { text: passage.related ? passage.text : (article.related ? article.passage : null), heading: passage.related || !article.related ? passage.heading : article.heading, related: passage.related || article.related } : { text: article.related ? article.passage : null, heading: article.heading, related: article.related };
    return el("section", { class: "panel" }, el("h3", {}, words.article), foreign("div", article.title ?? "", "name", words.no_title),
      article.by && el("div", { class: "small" }, foreign("span", article.by)),
      article.link && host(article.link),
      el("div", { class: `small gap${near.related ? " related" : ""}` }, near.heading),
      near.text && foreign("div", near.text, "quote"),
      article.whole && details(words.whole_article, () => foreign("div", article.whole, "whole")));
  }

  thread(thread, card, veil) {
    const { words } = this.data;
    if (!thread) return null;
    const own = card.veiled?.length && !this.revealed.has(card.id); // what is covered on the card is covered here
    const shown = (list) => rows(own ? list.map((row) => (row.here ? { ...row, text: line(masked(card)) } : row)) : list, words, veil);
    return el("section", { class: "panel" }, el("h3", {}, words.thread.replace("{place}", thread.place).replace("{total}", thread.total)),
      shown(thread.near), thread.wide.length > 0 && details(words.more_thread.replace("{n}", thread.wide.length), () => shown(thread.wide)));
  }

  author(author, card, veil) {
    const { words } = this.data;
    if (!author || author.name === null) return el("section", { class: "panel" }, el("h3", {}, words.author), el("p", { class: "small" }, words.no_history));
    const rated = author.good + author.bad;
    const meter = rated > 0 && el("div", { class: "rates", role: "img", "aria-label": `${author.good} ${words.good}, ${author.bad} ${words.bad}` });
    if (meter) {
      const good = el("span", { class: "good" });
      const bad = el("span", { class: "bad" });
      good.style.flexGrow = String(author.good);
      bad.style.flexGrow = String(author.bad);
      meter.append(good, bad);
    }
    return el("section", { class: "panel" }, el("h3", {}, words.author), foreign("div", author.name, "name"), card.link && host(card.link),
      el("div", { class: "small" }, author.others ? author.said : words.first_comment),
      rated > 0 && el("div", { class: "small" }, `${author.good} ${words.good}, ${author.bad} ${words.bad} (${Math.round((100 * author.bad) / rated)} %)`), meter,
      author.rows.length > 0 && details(words.what_they_wrote, () => rows(author.rows, words, veil)));
  }

  alike({ alike, whole }, veil) {
    const { words } = this.data;
    if (!whole) return el("section", { class: "panel" }, el("h3", {}, words.alike), el("div", { class: "bone" }));
    if (!alike?.length) return null;
    return el("section", { class: "panel" }, el("h3", {}, words.alike),
      ...alike.map((one) => el("div", { class: `likeness ${one.action}` },
        el("div", { class: "head" }, el("b", {}, one.said), " ", foreign("span", one.who), el("span", { class: "side", title: words.likeness }, one.likeness)),
        foreign("div", veil ? words_of(one.text) : one.text, "line"))));
  }

  paintNews() {
    const { words } = this.data;
    const shown = this.news.filter((one) => one.kind !== "notice");
    const mark = JSON.stringify(shown.map((one) => one.n));
    if (mark === this.newsPainted) return;
    this.newsPainted = mark;
    const title = (label) => this.data.labels.find((one) => one.name === label)?.title ?? label;
    const labels = (said) => Object.entries(said).map(([label, yes]) => `${title(label)} ${words[yes ? "yes" : "no"]}`).join(", ") || words.says_nothing;
    this.newsBox.replaceChildren(...shown.map((one) => {
      const close = el("button", { type: "button", class: "close", "aria-label": words.close }, "✕");
      close.addEventListener("click", () => {
        this.news = this.news.filter((other) => other !== one);
        this.paintNews();
      });
      if (one.kind !== "conflict") return el("div", { class: `item ${one.kind}` }, el("div", { class: "words" }, one.text), close);
      return el("div", { class: "item conflict" },
        el("div", { class: "words" }, el("b", {}, words.conflict), foreign("div", one.text, "line"),
          el("div", { class: "two" },
            el("span", {}, `${words.you}: `, el("b", {}, one.mine), ` · ${labels(one.mine_labels)}`),
            one.theirs && el("span", {}, foreign("span", one.theirs.who), ": ", el("b", {}, one.theirs.did), ` · ${labels(one.theirs.labels)}`))), close);
    }));
  }

  paintPending() {
    if (!this.frame) return;
    const oldest = this.log.length ? this.log[0].at : 0;
    const left = [...this.left.values()].reduce((sum, acts) => sum + acts.length, 0);
    const count = this.log.length + left;
    const late = left > 0 || (oldest && Date.now() - oldest > SLOW_MS);
    const text = late ? this.data.words[count === 1 ? "pending_one" : "pending"].replace("{n}", count) : "";
    if (text !== this.pendingBox.textContent) this.pendingBox.textContent = text;
    this.pendingBox.hidden = !text;
    this.frame.dataset.pending = String(count);
    this.frame.dataset.held = String(this.cards.length);
  }

  say(text, urgent = false) {
    this.sayBox.textContent = text;
    this.sayBox.classList.toggle("urgent", urgent);
    clearTimeout(this.saying_);
    this.saying_ = setTimeout(() => (this.sayBox.textContent = ""), 4000);
  }
}

// --- Pieces ----------------------------------------------------------------------------------------------------------

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name_, value] of Object.entries(attributes)) made.setAttribute(name_, value);
  for (const child of children) if (child !== null && child !== undefined && child !== false && child !== "") made.append(child);
  return made;
}

// Somebody else's text, in an element of its own: text that runs the other way ends where its element ends.
function foreign(tag, text, looks = "", missing = "") {
  if (!text.trim()) return el(tag, { class: `${looks} missing` }, missing);
  return el(tag, { class: `${looks} foreign`, dir: "auto" }, text);
}

function host(link) {
  return el("div", { class: "small link" }, link.host && el("b", { dir: "auto" }, link.host), " ", foreign("span", link.text));
}

function details(title, make) {
  const box = el("details", {}, el("summary", {}, title));
  box.addEventListener("toggle", () => box.open && box.children.length === 1 && box.append(make()), { once: false });
  return box;
}

function rows(list, words, veil) {
  return el("ul", { class: "rows" }, ...list.map((row) =>
    el("li", { class: `deep${row.deep ?? 0}${row.parent ? " parent" : ""}`, ...(row.here ? { "aria-current": "true" } : {}) },
      el("div", { class: "head" }, row.parent && el("span", { class: "tag" }, words.answers), foreign("span", row.head ?? "", "", words.no_name),
        el("span", { class: `side${row.bad ? " bad" : ""}` }, row.side)),
      foreign("div", veil ? words_of(row.text) : row.text, "line", words.no_text))));
}

function loading(words) {
  return el("div", { class: "loading", role: "status" }, el("div", { class: "bone" }), el("div", { class: "bone" }), el("div", { class: "bone short" }), el("p", {}, words.loading));
}

function line(text) {
  return text.slice(0, 400).replace(/\s+/g, " ").trim().slice(0, 120);
}

// The shape of a text without its words.
function words_of(text) {
  return text.slice(0, 2000).replace(/[^\s]/g, "▪");
}

function cover(text, from, covered) {
  const found = [];
  let at = 0;
  for (const [begin, end] of covered) {
    const first = Math.max(begin - from, at);
    const last = Math.min(end - from, text.length);
    if (last <= first) continue;
    if (first > at) found.push([text.slice(at, first), false]);
    found.push([text.slice(first, last), true]);
    at = last;
  }
  if (at < text.length) found.push([text.slice(at), false]);
  return found;
}

// The beginning of a text with its covered words covered.
function masked(card) {
  const parts = cover(card.text.slice(0, 400), 0, card.veiled ?? []);
  return parts.map(([part, hidden]) => (hidden ? "•".repeat(Math.min(12, part.length)) : part)).join("");
}

function keyName(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // A digit with shift is another sign on every keyboard; its place is the same.
  const digit = event.shiftKey && /^Digit\d$/.test(event.code) ? event.code.slice(5) : undefined;
  return { key, shifted: digit };
}

function keyLabel(key) {
  return { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" }[key] ?? key.toUpperCase();
}

function name() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function store(key, acts) {
  try {
    if (acts.length) localStorage.setItem(key, JSON.stringify(acts));
    else localStorage.removeItem(key);
  } catch {
    // A browser that keeps nothing for a page: the log still lives in memory.
  }
}

function stored(start) {
  const found = [];
  try {
    for (let place = 0; place < localStorage.length; place += 1) {
      const key = localStorage.key(place);
      if (!key.startsWith(start)) continue;
      const acts = JSON.parse(localStorage.getItem(key));
      if (Array.isArray(acts)) found.push([key, acts]);
    }
  } catch {
    // as above
  }
  return found;
}
