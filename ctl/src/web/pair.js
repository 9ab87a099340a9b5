// The page of `pair --web`.

import { follow } from '/pairing.js'

follow({
	again: 'Run `openclawctl pair --web` again, or reload this page if it still runs.',
	shown: (_, status = 'Link a phone') => { document.title = `${status} · OpenClaw` }
})
