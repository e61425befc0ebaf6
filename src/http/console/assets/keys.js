// Keyboard shortcuts and looking again. Everything works without this file.
(() => {
  const rows = () => [...document.querySelectorAll("a.open")];
  const typing = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  addEventListener("keydown", (event) => {
    if (typing() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "u") document.querySelector(".crumb a")?.click();
    else return;
    event.preventDefault();
  });
  // What was just done is said once, not at every look.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }
  // Never while somebody reads a selection, writes, or is about to confirm.
  const busy = () =>
    document.hidden ||
    typing() ||
    document.querySelector("details[open]") ||
    [...document.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue) ||
    document.querySelector("input:checked:not([checked])") ||
    !getSelection().isCollapsed;
  const seconds = Number(document.body.dataset.refresh);
  if (seconds > 0) {
    setInterval(() => {
      if (!busy()) {
        const at = rows().indexOf(document.activeElement);
        if (at >= 0) sessionStorage.setItem("at", `${location.href} ${at}`);
        location.reload();
      }
    }, seconds * 1000);
    const [href, at] = (sessionStorage.getItem("at") ?? "").split(" ");
    sessionStorage.removeItem("at");
    if (href === location.href) rows()[at]?.focus({ preventScroll: true });
  }
})();
