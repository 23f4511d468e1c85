// Fetches the messages every second and shows them when they changed, so that nothing flickers.
const inbox = document.getElementById("inbox");
let shown = null;

async function refresh() {
  try {
    const answer = await fetch("/messages", { cache: "no-store" });
    const html = await answer.text();
    if (answer.ok && html !== shown) {
      if (shown !== null || html.trim() !== inbox.innerHTML.trim()) inbox.innerHTML = html;
      shown = html;
    }
  } catch {
    document.title = "(the demo has ended) What pgdrift told people";
  }
  setTimeout(refresh, 1000);
}

refresh();
