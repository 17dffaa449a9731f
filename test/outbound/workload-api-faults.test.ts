// The client of the Workload API against an agent that ends streams, goes away, hangs, floods or lies (SA-02, SA-04, F-17), over a real
// socket. Each gRPC status code on each stream has exactly one meaning here, and every fault is followed by the recovery from it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { openWorkloadApi } from '../../src/outbound/workload-api.ts';
import { codeName, loadWorkloadRpc } from '../../src/outbound/workload-rpc.ts';
import { parseEndpointSocket } from '../../src/parsing/endpoint-socket.ts';
import { DETAILS, STREAMS, type Stream } from '../support/workload-api-server.ts';
import {
  connected,
  DOMAIN,
  densest,
  JWKS,
  NOW,
  openClient,
  opened,
  type Setting,
  until,
} from './workload-api-harness.ts';

const ID = `spiffe://${DOMAIN}/broker`;
const NEVER_AGAIN: readonly number[] = [3, 12];
const PERMISSION_DENIED = 7;
const CODES = Array.from({ length: 17 }, (_, code) => code);
const CASES = STREAMS.flatMap((stream) => CODES.map((code) => [stream, code] as const));

/** What a stream gave, as one value: empty where it was taken back. */
function given({ api }: Setting, stream: Stream): unknown {
  if (stream === 'FetchX509SVID') return api.identity()?.spiffeId ?? 'none';
  return (stream === 'FetchX509Bundles' ? api.x509Bundles() : api.jwtBundles())?.size;
}

/** A message for the stream that a client can tell from the first one. */
async function goodMessage({ authority }: Setting, stream: Stream): Promise<object> {
  if (stream === 'FetchX509SVID') return { svids: [await authority.mint('/again', NOW + 60)] };
  return { bundles: { [DOMAIN]: stream === 'FetchX509Bundles' ? authority.der : Buffer.from(JWKS) } };
}

/** Waits until two other openings of another stream have passed, by which time this one would have been opened again as well. */
async function otherOpenings({ server }: Setting, stream: Stream): Promise<void> {
  const other = STREAMS.find((one) => one !== stream) ?? stream;
  for (let round = 0; round < 2; round += 1) {
    const before = server.attempts[other].length;
    await until(() => server.open(other) === 1);
    server.drop(other);
    await until(() => server.attempts[other].length > before && server.open(other) === 1);
  }
}

describe('a stream that the agent ends', () => {
  it.concurrent.each(CASES)('%s with code %i', async (stream, code) => {
    await using setting = await connected();
    const { api, server, events } = setting;
    const before = given(setting, stream);
    const others = STREAMS.filter((one) => one !== stream);
    server.set(stream, { code });
    await until(() => events.length > 0);
    expect(events[0]).toEqual({ stream, problem: codeName(code) });
    expect(api.status().lastProblem).toBe(`${stream}: ${codeName(code)}`);
    expect(JSON.stringify([api.status(), events])).not.toContain(DETAILS);
    expect(api.status().failures).toBeGreaterThan(0);
    // PermissionDenied takes back what the stream gave; where the agent has no stream of bundles, they come beside the SVIDs.
    if (code === PERMISSION_DENIED) expect(given(setting, stream)).toBe(stream === 'FetchX509SVID' ? 'none' : 0);
    else if (code === 12 && stream === 'FetchX509Bundles') expect(given(setting, stream)).toBe(1);
    else expect(given(setting, stream)).toBe(before);
    expect(others.map((one) => [server.open(one), server.attempts[one].length])).toEqual([
      [1, 1],
      [1, 1],
    ]);

    server.set(stream, { message: await goodMessage(setting, stream) });
    if (NEVER_AGAIN.includes(code)) {
      await otherOpenings(setting, stream);
      expect(server.attempts[stream]).toHaveLength(1);
      if (code === 12) await until(() => api.status().state === 'connected');
      else expect(api.status().state).toBe('down');
    } else {
      expect(await until(() => api.status().state === 'connected')).toBeLessThan(2_000);
      expect(given(setting, stream)).toBe(stream === 'FetchX509SVID' ? `spiffe://${DOMAIN}/again` : 1);
      expect(api.status()).toMatchObject({ failures: 0, lastProblem: undefined });
    }
  });

  it('is down, and asks for nothing more, where the agent has none of them', async () => {
    await using setting = await connected();
    const { api, server } = setting;
    for (const stream of STREAMS) server.set(stream, { code: 12 });
    await until(() => api.status().failures === 3);
    expect(api.status()).toMatchObject({ state: 'down', lastProblem: 'FetchJWTBundles: UNIMPLEMENTED' });
    expect(api.identity()?.spiffeId).toBe(ID);
  });
});

describe.concurrent('an agent that is away', () => {
  it.each([[0], [300], [1_500], [4_000]])(
    'for %i ms is found again within two seconds, on a socket made anew (F-17)',
    async (awayMs) => {
      await using setting = await connected();
      const { api, server } = setting;
      for (let round = 0; round < 2; round += 1) {
        server.stop();
        await until(() => api.status().state === 'down');
        expect(api.identity()?.spiffeId).toBe(ID);
        expect([api.x509Bundles()?.size, api.jwtBundles()?.size]).toEqual([2, 2]);
        await sleep(awayMs);
        await server.start();
        expect(await until(() => api.status().state === 'connected')).toBeLessThan(2_000);
      }
      expect(server.bare).toEqual([]);
    },
  );

  it('leaves us our identity until it expires, and not after (F-17)', async () => {
    await using setting = await connected();
    const { api, server, now } = setting;
    server.stop();
    // First the streams are ended, then nobody is there.
    await until(() => api.status().failures >= 6);
    expect(api.identity()?.spiffeId).toBe(ID);
    now.seconds = NOW + 3_600;
    expect(api.identity()).toBeUndefined();
    expect(api.status()).toMatchObject({ state: 'down', updatedAtSeconds: NOW });
    expect(api.status().lastProblem).toMatch(/^Fetch[A-Za-z0-9]+: UNAVAILABLE$/);
  });

  it('from the start is waited for', async () => {
    await using setting = await opened();
    const { server } = setting;
    server.stop();
    const api = openClient(server.socket);
    expect(api.status()).toEqual({
      state: 'connecting',
      updatedAtSeconds: undefined,
      failures: 0,
      lastProblem: undefined,
    });
    await until(() => api.status().failures >= 6);
    expect([api.status().state, api.identity(), api.x509Bundles()]).toEqual(['down', undefined, undefined]);
    await server.start();
    expect(await until(() => api.status().state === 'connected')).toBeLessThan(2_000);
    api.close();
  });
});

describe.concurrent('attempts', () => {
  it.each([[14], [7], [0]])(
    'stay below twenty a second where every stream ends with code %i at once (F-17)',
    async (code) => {
      await using setting = await connected();
      const { api, server } = setting;
      for (const stream of STREAMS) server.set(stream, { code });
      await sleep(2_500);
      const attempts = STREAMS.flatMap((stream) => server.attempts[stream]);
      expect(attempts.length).toBeGreaterThan(9);
      expect(densest(attempts)).toBeLessThan(20);
      expect(api.status().state).toBe('down');
    },
  );

  it('stay below twenty a second where each stream brings a message and ends (F-17)', async () => {
    await using setting = await connected();
    const { server } = setting;
    const end = Date.now() + 2_500;
    while (Date.now() < end) {
      server.drop();
      await sleep(5);
    }
    const attempts = STREAMS.flatMap((stream) => server.attempts[stream]);
    expect(attempts.length).toBeGreaterThan(9);
    expect(densest(attempts)).toBeLessThan(20);
  });

  it('stay below twenty a second on a socket that hangs up, or that has gone (F-17)', async () => {
    await using raw = await rawSocket((socket) => socket.destroy());
    const api = openClient(raw.socket);
    await sleep(2_500);
    expect(raw.connections.length).toBeGreaterThan(3);
    expect(densest(raw.connections)).toBeLessThan(20);
    api.close();
  });
});

describe('a socket that is no Workload API', () => {
  it.each([
    ['speaks HTTP/1', (socket: Socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['sends noise', (socket: Socket) => void socket.end(Buffer.alloc(100_000, 0xa5))],
  ])('and %s is down, and the process lives', async (_what, answer) => {
    await using raw = await rawSocket(answer);
    const api = openClient(raw.socket);
    await until(() => api.status().failures >= 3);
    expect(api.status()).toMatchObject({ state: 'down', updatedAtSeconds: undefined });
    expect(api.identity()).toBeUndefined();
    api.close();
  });

  it('and takes the connection and says nothing is waited for on that one, however often a stream is opened', async () => {
    await using raw = await rawSocket(() => undefined);
    const read = parseEndpointSocket(raw.socket);
    if (!read.ok) throw new Error(read.problem);
    const rpc = await loadWorkloadRpc(read.target);
    for (let round = 0; round < 10; round += 1) {
      const cancel = rpc.stream('FetchJWTBundles', { received: () => undefined, ended: () => undefined });
      await sleep(20);
      cancel();
    }
    expect(raw.connections).toHaveLength(1);
    rpc.close();
  });

  it('at first, since its agent stands still, is one as soon as it goes on, over the same connection', async () => {
    await using setting = await opened();
    const goOn = Promise.withResolvers<void>();
    await using raw = await rawSocket(async (socket) => {
      socket.pause();
      await goOn.promise;
      const agent = connect(setting.server.path);
      socket.pipe(agent).pipe(socket);
    });
    const api = openClient(raw.socket);
    await until(() => raw.connections.length > 0);
    await sleep(500);
    expect(api.status()).toEqual({
      state: 'connecting',
      updatedAtSeconds: undefined,
      failures: 0,
      lastProblem: undefined,
    });
    goOn.resolve();
    await until(() => api.status().state === 'connected');
    expect(raw.connections).toHaveLength(1);
    api.close();
  });

  it('in its spelling is a fault at once (SA-01)', () => {
    const open = () =>
      openWorkloadApi({
        socket: 'unix:api.sock',
        clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
        randomBytes: (count) => new Uint8Array(count),
      });
    expect(open).toThrow('the socket of the Workload API must be unix:///absolute/path or tcp://<ip>:<port>');
  });
});

describe('an agent behind a TCP port of this host', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ])('is reached at %s directly, whatever proxy the environment names (SA-01)', async (address, host) => {
    for (const name of ['grpc_proxy', 'http_proxy', 'https_proxy']) vi.stubEnv(name, 'http://127.0.0.1:9');
    await using setting = await connected();
    const relay = createServer((socket) => {
      const agent = connect(setting.server.path);
      socket.on('error', () => undefined);
      agent.on('error', () => undefined);
      socket.pipe(agent).pipe(socket);
    });
    relay.listen(0, address);
    await once(relay, 'listening');
    const { port } = relay.address() as AddressInfo;
    const api = openClient(`tcp://${host}:${port}`);
    await until(() => api.status().state === 'connected');
    expect(api.identity()?.spiffeId).toBe(ID);
    api.close();
    relay.close();
    vi.unstubAllEnvs();
  });
});

describe('a client that is closed', () => {
  it('ends its streams, opens none again, and keeps what it had for nobody to be told of', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    let told = 0;
    api.onChange(() => {
      told += 1;
    });
    api.close();
    api.close();
    await until(() => STREAMS.every((stream) => server.open(stream) === 0));
    server.set('FetchX509SVID', { message: { svids: [await authority.mint('/next', NOW + 60)] } });
    await sleep(500);
    expect(STREAMS.map((stream) => server.attempts[stream].length)).toEqual([1, 1, 1]);
    expect([told, api.status().state]).toEqual([0, 'down']);
  });

  it('ends its one connection, and not that of another client of the same socket', async () => {
    await using setting = await connected();
    await using raw = await rawSocket((socket) => {
      const agent = connect(setting.server.path);
      socket.pipe(agent).pipe(socket);
    });
    const first = openClient(raw.socket);
    const second = openClient(raw.socket);
    await until(() => [first, second].every((api) => api.status().state === 'connected'));
    expect(raw.connections).toHaveLength(2);
    first.close();
    await until(() => raw.open.size === 1);
    expect(second.status().state).toBe('connected');
    second.close();
    await until(() => raw.open.size === 0);
  });

  it('before gRPC is loaded never connects', async () => {
    await using setting = await connected();
    openClient(setting.server.socket).close();
    await sleep(300);
    expect(STREAMS.map((stream) => setting.server.attempts[stream].length)).toEqual([1, 1, 1]);
  });

  it.each([
    ['connected', 'connected'],
    ['away', 'down'],
    ['silent', 'connecting'],
  ])('lets the process end, where the agent is %s', async (agent, state) => {
    await using setting = await connected();
    await using raw = await rawSocket(() => undefined);
    if (agent === 'away') setting.server.stop();
    const module = fileURLToPath(new URL('../../src/outbound/workload-api.ts', import.meta.url));
    const program = `
      import { openWorkloadApi } from ${JSON.stringify(module)};
      const api = openWorkloadApi({
        socket: ${JSON.stringify(agent === 'silent' ? raw.socket : setting.server.socket)},
        clock: { nowSeconds: () => ${NOW}, elapsedMs: () => performance.now() },
        randomBytes: (count) => new Uint8Array(count),
      });
      let looks = 0;
      const looking = setInterval(() => {
        if ((looks += 1) < 50 || api.status().state !== '${state}') return;
        clearInterval(looking);
        api.close();
        setTimeout(() => process.exit(3), 5_000).unref();
      }, 10);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(raw.connections.length).toBe(agent === 'silent' ? 1 : 0);
  });
});

/** A socket that speaks nothing by itself, with the instants at which it was connected to. */
async function rawSocket(answer: (socket: Socket) => unknown) {
  const folder = mkdtempSync(join(tmpdir(), 'workload-raw-'));
  const path = join(folder, 'api.sock');
  const connections: number[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections.push(performance.now());
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => open.delete(socket));
    socket.resume();
    answer(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  return {
    socket: `unix://${path}`,
    connections,
    open,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
