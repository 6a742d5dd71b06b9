// Node's WebSockets against ours: `node node_peer.mjs client URL packed|plain` with Debian's node-ws, `own URL` with
// the WebSocket that node brings itself (the one of browsers), `return URL` for a client that comes back to a server
// that went away, `server packed|plain` for an echo server of node-ws that leaves when asked to ("leave 4011 enough").
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

// Until the server is there again.
function comeBack(words) {
    const socket = new (library())(argv[3]);
    socket.on('open', () => socket.send(words[0]));
    socket.on('message', (data) => {
        console.log(data.toString());
        if (words.length === 1) socket.close(1000);
    });
    socket.on('error', () => {});
    socket.on('close', (code) => {
        if (code === 1000) return;
        if (code !== 1006) {
            console.log('closed ' + code);
            words = words.slice(1);
        }
        setTimeout(() => comeBack(words), 10);
    });
}

if (argv[2] === 'return') {
    comeBack(['here', 'here again']);
} else if (argv[2] === 'own') {
    talk(new WebSocket(argv[3]));
} else if (argv[2] === 'client') {
    talk(new (library())(argv[3], { perMessageDeflate: compression(argv[4]) }));
} else {
    const server = new (library().WebSocketServer)({
        port: 0, host: '127.0.0.1', perMessageDeflate: compression(argv[3]), maxPayload: 1 << 22,
    });
    server.on('connection', (socket) => {
        socket.on('message', (data, isBinary) => {
            const [word, code, reason] = data.length < 100 ? data.toString().split(' ') : [];
            if (word === 'leave') socket.close(Number(code), reason);
            else socket.send(data, { binary: isBinary });
        });
        socket.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
    });
    server.on('listening', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
    process.on('SIGTERM', () => process.exit(0));
}
