(() => {
const o = $options,
d = s => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "\x2f")), c => c.charCodeAt(0)),
e = b => b && btoa(String.fromCharCode(...new Uint8Array(b))).replace(/[+]/g, "-").replace(/[\x2f]/g, "_").replace(/=/g, ""),
b = document.createElement("button");
b.textContent = "Use the passkey";
b.style.cssText = "position:fixed;top:1em;left:1em;z-index:2147483647;padding:1em;font-size:20px;color:#000;background:#fff;border:3px solid #080";
document.body.append(b);
b.onclick = async () => {
try {
const c = await navigator.credentials.get({publicKey: {...o, challenge: d(o.challenge), allowCredentials: (o.allowCredentials || []).map(a => ({...a, id: d(a.id)}))}}),
r = c.response,
t = JSON.stringify({id: c.id, rawId: e(c.rawId), type: c.type, response: {clientDataJSON: e(r.clientDataJSON), authenticatorData: e(r.authenticatorData), signature: e(r.signature), userHandle: e(r.userHandle)}});
b.textContent = "Copy the answer";
b.onclick = async () => {
try { await navigator.clipboard.writeText(t) } catch { prompt("Copy this answer", t) }
b.remove()
}
} catch (x) { b.textContent = "Failed, press to try again: " + x }
}
})()
