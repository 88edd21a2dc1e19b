// The search: shows the endpoints and their lines in the contents in whose text every word occurs.
const field = document.getElementById("search");
field.parentElement.hidden = false;
const operations = [...document.querySelectorAll(".operation")].map((article) => ({
  article,
  line: document.querySelector(`nav li[data-of="${article.id}"]`),
  text: article.textContent.toLowerCase(),
}));
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { article, line, text } of operations) {
    article.hidden = line.hidden = !words.every((word) => text.includes(word));
  }
});
