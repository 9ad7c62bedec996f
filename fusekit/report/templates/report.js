// Everything can be read without this: it adds a button that copies to each table in text.
for (const button of document.querySelectorAll("button.copy")) {
  const said = button.textContent, text = document.getElementById(button.getAttribute("aria-controls"));
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = said; }, 2000);
  });
}
