// node browser.mjs URL MESSAGE: sends a message with a browser's WebSocket and prints the first answer.
const { chromium } = await import(process.env.PLAYWRIGHT);

const [url, message] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  timeout: 120_000,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors"],
});
try {
  const page = await browser.newPage();
  const answer = await page.evaluate(([url, message]) => new Promise((resolve, reject) => {
    const ws = new WebSocket(url);
    ws.onopen = () => ws.send(message);
    ws.onmessage = (e) => { resolve(e.data); ws.close(); };
    ws.onclose = (e) => reject(new Error(`closed with ${e.code} ${e.reason}`));
    setTimeout(() => reject(new Error("no answer")), 120_000);
  }), [url, message]);
  console.log(answer);
} finally {
  await browser.close();
}
