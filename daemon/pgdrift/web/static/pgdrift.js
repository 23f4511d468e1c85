// Keeps the page current. Without this script the browser reloads it every 30 seconds instead.
(() => {
  "use strict";
  const EVERY = 10_000;
  const live = document.getElementById("live");
  let seen = null;
  let last = new Date();

  const say = (state, text) => {
    if (live.textContent !== text) live.textContent = text;
    document.documentElement.dataset.live = state;
  };

  // The reader may be in the middle of something: keep what is open and where the keyboard is.
  function replace(fresh) {
    const main = document.querySelector("main");
    for (const old of main.querySelectorAll("details[id]")) {
      const now = fresh.querySelector(`#${CSS.escape(old.id)}`);
      if (now) now.open = old.open;
    }
    const focus = document.activeElement;
    const index = [...main.querySelectorAll("a, summary, [tabindex]")].indexOf(focus);
    main.innerHTML = fresh.innerHTML;
    if (index >= 0) main.querySelectorAll("a, summary, [tabindex]")[index]?.focus();
  }

  async function refresh() {
    try {
      const answer = await fetch(location.href, {
        cache: "no-cache",
        signal: AbortSignal.timeout(EVERY),
      });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      last = new Date();
      say("yes", "live");
      const tag = answer.headers.get("ETag");
      if (tag === seen || String(getSelection())) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(page.querySelector("main"));
      document.title = page.title;
      document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
      seen = tag;
    } catch {
      // An old page must not look like a current one.
      say("no", `not updated since ${last.toLocaleTimeString()}: pgdrift does not answer`);
    }
  }

  // A link to a finding opens it.
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }

  say("yes", "live");
  reveal();
  addEventListener("hashchange", reveal);
  setInterval(() => document.hidden || refresh(), EVERY);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
})();
