// Runs before the first paint, so that a chosen theme does not flash. A classic script on purpose.
try {
  const { theme } = JSON.parse(localStorage.getItem("aikv.viewer") ?? "{}");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the system's theme is used.
}
