/** What stands at the address until the web app is built: a sign-in that works, and says where the API is. */
export const PLAIN_PAGES: Readonly<Record<string, string>> = {
  '/index.html': `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mail</title>
<h1>Mail</h1>
<p>The web app is not built on this host; mail programs that speak JMAP find it at <code>/.well-known/jmap</code>.</p>
<form id="sign-in">
<p><label>Address <input name="user" autocomplete="username" required></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><label>Code, if you use one <input name="code" autocomplete="one-time-code" inputmode="numeric"></label>
<p><button>Sign in</button> <output id="answer"></output>
</form>
<script src="/sign-in.js"></script>
</html>
`,
  '/sign-in.js': `const form = document.getElementById('sign-in');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch('/session', { method: 'POST', headers, body });
  const told = await answer.json();
  document.getElementById('answer').textContent = answer.ok ? 'Signed in as ' + told.user : told.detail;
});
`,
};
