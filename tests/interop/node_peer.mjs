// Node's WebSockets against ours: `node node_peer.mjs client URL packed|plain` with Debian's node-ws, `own URL` with
// the WebSocket that node brings itself (the one of browsers), `server packed|plain` for an echo server of node-ws.
import { createRequire } from 'node:module';

const messages = ['short', 'grüß dich, 你好 🎈', 'again and again, '.repeat(100), Buffer.alloc(1 << 20, 7)];
const { argv } = process;
const library = () => createRequire(import.meta.url)('/usr/share/nodejs/ws');
const compression = (word) => word === 'packed' ? { threshold: 0 } : false;

function talk(socket) {
    let next = 0;
    const same = (sent, came) => typeof sent === 'string' ? sent === came
        : Buffer.compare(sent, Buffer.from(came)) === 0;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
        if (socket.extensions) console.log(socket.extensions.split(';')[0]);
        socket.send(messages[0]);
    };
    socket.onerror = (event) => console.log('error: ' + event.message);
    socket.onmessage = (event) => {
        if (!same(messages[next], event.data)) console.log('message ' + next + ' came back as another');
        next += 1;
        if (next < messages.length) socket.send(messages[next]);
        else socket.close(4003, 'done');
    };
    socket.onclose = (event) => {
        console.log((next === messages.length ? 'all came back' : 'lost') + '; closed ' + event.code);
    };
}

if (argv[2] === 'own') {
    talk(new WebSocket(argv[3]));
} else if (argv[2] === 'client') {
    talk(new (library())(argv[3], { perMessageDeflate: compression(argv[4]) }));
} else {
    const server = new (library().WebSocketServer)({
        port: 0, host: '127.0.0.1', perMessageDeflate: compression(argv[3]), maxPayload: 1 << 22,
    });
    server.on('connection', (socket) => {
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    server.on('listening', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
    process.on('SIGTERM', () => process.exit(0));
}
