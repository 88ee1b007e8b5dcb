() => {
  // what screen readers say when it changes: it must be there before it does
  const answer = document.querySelector("#answer .html-container");
  answer.setAttribute("role", "status");
  answer.setAttribute("aria-live", "polite");
  answer.setAttribute("aria-label", "Answer");
  answer.tabIndex = -1;

  // what Gradio pops up over the page is told where the answer would be
  const line = text => {
    if (text.startsWith("File(s) exceed")) return "The file is larger than is taken here; give a shorter recording";
    if (text.startsWith("Invalid file type")) return "This is no audio file; give one of WAV, FLAC, MP3, OGG or M4A";
    const told = text.match(/\{\s*"error":\s*("(?:[^"\\]|\\.)*")/);
    const words = (told ? JSON.parse(told[1]) : text.replace(/^HTTP \d+: /, "").trim())
      .replace(/requests a minute$/, "$&; wait a little");
    return words ? words[0].toUpperCase() + words.slice(1) : "The server did not answer; try again in a moment";
  };
  const card = text => {
    const box = document.createElement("div");
    box.className = "ser";
    box.innerHTML = "<p class='trouble'><strong>That did not work.</strong> <span></span></p>";
    box.querySelector("span").textContent = text;
    return box.outerHTML;
  };
  // the button's event takes it, so that Gradio knows what is shown
  const tell = () => {
    const toasts = [...document.querySelectorAll("[data-testid=toast-body]:not([data-told])")];
    if (!toasts.length) return;
    const texts = toasts.flatMap(toast => [...toast.querySelectorAll("[data-testid=toast-text]")]);
    toasts.forEach(toast => toast.setAttribute("data-told", ""));
    window.trouble = card(line(texts.length ? texts.at(-1).textContent : ""));
    document.getElementById("trouble").click();
    toasts.forEach(toast => toast.querySelector("[data-testid=toast-close]").click());
  };
  new MutationObserver(tell).observe(document.body, {childList: true, subtree: true});
}
