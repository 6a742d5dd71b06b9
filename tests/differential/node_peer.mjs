// What node makes of bytes: reads one case a line, `request HEX` or `response:METHOD HEX`, and prints a line of JSON as
// protocol_events does. No sockets: node's server and client are given a stream that holds the bytes and then ends.
import http from 'node:http';
import readline from 'node:readline';
import { Duplex } from 'node:stream';

const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function pairs(raw) {
    const list = [];
    for (let at = 0; at < raw.length; at += 2) list.push([hex(raw[at]), hex(raw[at + 1])]);
    return list;
}

// A stream that gives the bytes and then ends; what is written to it is thrown away.
function streamOf(bytes) {
    const stream = new Duplex({
        read() {},
        write(chunk, encoding, done) { done(); },
    });
    // What node's http asks of a socket.
    stream.setTimeout = stream.setNoDelay = stream.setKeepAlive = stream.ref = stream.unref = () => stream;
    if (bytes.length) stream.push(bytes);
    stream.push(null);
    return stream;
}

function collect(message, outcome, more) {
    const entry = { version: message.httpVersion, fields: pairs(message.rawHeaders), body: '', ...more };
    message.on('data', (chunk) => { entry.body += chunk.toString('hex'); });
    message.on('end', () => {
        entry.trailers = pairs(message.rawTrailers);
        if (message.complete) outcome.messages.push(entry);
    });
    message.on('error', () => {
        if (!message.complete && outcome.ending === 'complete') outcome.ending = 'incomplete';
    });
}

const EARLY_ENDS = ['HPE_INVALID_EOF_STATE', 'ECONNRESET'];

// Two turns later: messages before this one are still on their way to their listeners.
function later(call) {
    setImmediate(() => setImmediate(call));
}

function refuse(outcome, error, stream) {
    later(() => {
        // What stands behind a last message is for nobody; but a last message there must be.
        if (error.code === 'HPE_CLOSED_CONNECTION' && !outcome.messages.length) outcome.ending = 'incomplete';
        stream.destroy();
    });
    if (outcome.ending !== 'complete' || error.code === 'HPE_CLOSED_CONNECTION') return;
    outcome.ending = EARLY_ENDS.includes(error.code) ? 'incomplete' : 'refused';
    outcome.why = `${error.code}: ${error.reason ?? error.message}`;
}

function closed(stream) {
    return new Promise((resolve) => { stream.on('close', () => setImmediate(resolve)); });
}

let current;
const server = http.createServer({ insecureHTTPParser: false, requireHostHeader: false, maxHeaderSize: 32768 });
const answer = (request, response) => {
    collect(request, current, { method: hex(request.method), target: hex(request.url) });
    request.on('end', () => response.end());
};
for (const name of ['request', 'checkContinue', 'checkExpectation']) server.on(name, answer);
server.on('connect', (request, socket) => later(() => {
    current.messages.push({ version: request.httpVersion, fields: pairs(request.rawHeaders), body: '', trailers: [],
        method: hex(request.method), target: hex(request.url) });
    socket.destroy();
}));
server.on('clientError', (error, socket) => refuse(current, error, socket));

async function requests(bytes) {
    const outcome = { messages: [], ending: 'complete', why: '' };
    current = outcome;
    const stream = streamOf(bytes);
    const done = closed(stream);
    server.emit('connection', stream);
    await done;
    return outcome;
}

async function response(method, bytes) {
    const outcome = { messages: [], ending: 'complete', why: '' };
    const stream = streamOf(bytes);
    const done = closed(stream);
    const request = http.request({ method, path: '/', host: 'a', insecureHTTPParser: false,
        maxHeaderSize: 32768, createConnection: () => stream });
    request.on('response', (message) => collect(message, outcome, { status: message.statusCode }));
    const switched = (message, socket) => {
        outcome.messages.push({ version: message.httpVersion, fields: pairs(message.rawHeaders), body: '', trailers: [],
            status: message.statusCode });
        socket.destroy();
    };
    request.on('upgrade', switched);
    request.on('connect', switched);
    request.on('error', (error) => refuse(outcome, error, stream));
    request.end();
    await done;
    if (!outcome.messages.length && outcome.ending === 'complete') outcome.ending = 'incomplete';
    return outcome;
}

process.on('uncaughtException', (error) => {
    console.log(JSON.stringify({ messages: [], ending: 'broken', why: String(error.stack) }));
    process.exit(1);
});

for await (const line of readline.createInterface({ input: process.stdin })) {
    const [kind, digits = ''] = line.split(' ');
    const bytes = Buffer.from(digits, 'hex');
    const outcome = kind === 'request' ? await requests(bytes) : await response(kind.slice(9), bytes);
    console.log(JSON.stringify(outcome));
}
