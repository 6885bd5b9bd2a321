// The theme searches in a worker, and a page that is opened as a file may start none. There the worker's script
// runs in a frame without a place of its own in the page; elsewhere nothing is changed.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(address) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.title = "Search"
      document.body.appendChild(frame)
      const inside = frame.contentWindow
      this.waiting = []
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...scripts) => Promise.all(scripts.map((script) => this.load(inside, script)))
      this.load(inside, address).then(() => {
        this.receive = (data) => inside.dispatchEvent(new MessageEvent("message", { data }))
        this.waiting.forEach(this.receive)
      })
    }

    load(inside, address) {
      return new Promise((resolve, reject) => {
        const script = inside.document.createElement("script")
        script.onload = resolve
        script.onerror = reject
        script.src = address
        inside.document.body.appendChild(script)
      })
    }

    postMessage(data) {
      if (this.receive) this.receive(data)
      else this.waiting.push(data)
    }

    terminate() {}
  }
}
