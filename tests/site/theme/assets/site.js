// What is wider than the window can be scrolled by the keyboard too.
document.querySelectorAll(".scrolls, .md-typeset pre > code").forEach((each) => {
  const mark = () => {
    if (each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight) each.tabIndex = 0
    else each.removeAttribute("tabindex")
  }
  mark()
  addEventListener("resize", mark)
})
