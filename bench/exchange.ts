// `make bench`: exchanges per second over TLS keep-alive, next to a bare server in the same run, alternating so that whatever else
// the machine does hits both. One core for the server, one for the load. Prints, and writes bench/out/latest.json.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { makeMaterial, mintToken } from '../src/adapters/cli/demo/material.ts';
import { kubernetesProjected } from '../src/adapters/cli/demo/platforms.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 6);
const TOKENS = 1_000;
const CONNECTIONS = 32;
const PORTS = { exchange: 18_443, ceiling: 18_444, observe: 18_445 };
const ISSUER = `https://localhost:${PORTS.exchange}`;
const CLUSTER = 'https://kubernetes.default.svc.cluster.local';
const ROOT = join(import.meta.dirname, '..');

interface Measured {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** Both servers run on one core, threads included, and the load on another, where the system can say so. */
const SERVER_CORE = spawnSync('taskset', ['--version']).status === 0 ? ['taskset', '--cpu-list', '0'] : [];
if (SERVER_CORE.length > 0) spawnSync('taskset', ['--cpu-list', '--pid', '1', String(process.pid)]);

const folder = mkdtempSync(join(tmpdir(), 'exchequer-bench-'));
await makeMaterial(folder);
writeFileSync(join(folder, 'exchequer.yaml'), configuration());
mkdirSync(join(folder, 'policies'));
writeFileSync(join(folder, 'policies', 'rules.yaml'), policy());

const now = Math.floor(Date.now() / 1000);
const bodies: string[] = [];
for (let index = 0; index < TOKENS; index += 1)
  bodies.push(form(await mintToken(folder, 'cluster', kubernetesProjected(CLUSTER, ISSUER, now))));

const broker = await start('src/main.ts', 'serve', '--config', join(folder, 'exchequer.yaml'));
const bare = await start(
  'bench/ceiling.ts',
  String(PORTS.ceiling),
  join(folder, 'tls.crt'),
  join(folder, 'tls.key'),
  join(folder, 'cluster.json'),
  CLUSTER,
  ISSUER,
);
try {
  const rounds: { exchange: Measured; ceiling: Measured }[] = [];
  await measure(PORTS.ceiling, 2);
  await measure(PORTS.exchange, 2);
  for (let round = 0; round < ROUNDS; round += 1) {
    const [ceiling, exchange] = [await measure(PORTS.ceiling, SECONDS), await measure(PORTS.exchange, SECONDS)];
    rounds.push({ ceiling, exchange });
    print(`round ${round + 1}`, exchange, ceiling);
  }
  const exchange = median(rounds.map((round) => round.exchange));
  const ceiling = median(rounds.map((round) => round.ceiling));
  const ratio = median2(rounds.map((round) => round.exchange.rps / round.ceiling.rps));
  print('median', exchange, ceiling);
  const result = {
    exchange: { ...exchange, ratio, rssMiB: rssMiB(broker) },
    ceiling: { ...ceiling, rssMiB: rssMiB(bare) },
    rounds,
    node: process.version,
  };
  mkdirSync(join(ROOT, 'bench/out'), { recursive: true });
  writeFileSync(join(ROOT, 'bench/out/latest.json'), `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(
    `exchange.rps ${exchange.rps.toFixed(0)}  ceiling.rps ${ceiling.rps.toFixed(0)}  exchange.ratio ${ratio.toFixed(2)}  `,
  );
  process.stdout.write(`p50 ${exchange.p50Ms} ms  p99 ${exchange.p99Ms} ms  RSS ${rssMiB(broker)} MiB\n`);
} finally {
  broker.kill();
  bare.kill();
  rmSync(folder, { recursive: true, force: true });
}

function configuration(): string {
  return `
issuer: ${ISSUER}
listen: { address: "127.0.0.1:${PORTS.exchange}", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:${PORTS.observe}" }
control: { socket: ./run/control.sock }
trust:
  cluster: { kind: kubernetes, issuer: ${CLUSTER}, jwks: { file: ./cluster.json } }
targets:
  ledger: { kind: token, audience: https://api.example/ledger, scopes: { postings:read: {} }, defaultScopes: [postings:read] }
policies: [./policies]
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: ./audit.jsonl }
`;
}

function policy(): string {
  return `
rules:
  - name: payments
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { ledger: all }
`;
}

function form(token: string): string {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: token,
    audience: 'ledger',
    scope: 'postings:read',
  }).toString();
}

/** Starts a server and resolves once it says that it listens. */
async function start(script: string, ...parameters: readonly string[]): Promise<ChildProcess> {
  const [command = process.execPath, ...first] = [...SERVER_CORE, process.execPath];
  const child = spawn(command, [...first, join(ROOT, script), ...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    if (said.includes('(public)')) resolve();
  });
  child.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${said}`)));
  await promise;
  return child;
}

async function measure(port: number, duration: number): Promise<Measured> {
  const result = await autocannon({
    url: `https://localhost:${port}/token`,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    connections: CONNECTIONS,
    duration,
    requests: bodies.map((body) => ({ body })),
    tlsOptions: { ca: readFileSync(join(folder, 'ca.crt')) },
  });
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0) throw new Error(`${failed} requests failed on port ${port}: the figures would mean nothing`);
  return { rps: result.requests.average, p50Ms: result.latency.p50, p99Ms: result.latency.p99, failed };
}

function print(title: string, exchange: Measured, ceiling: Measured): void {
  const ratio = exchange.rps / ceiling.rps;
  process.stdout.write(
    `${title.padEnd(8)} exchange ${exchange.rps.toFixed(0)}/s  ceiling ${ceiling.rps.toFixed(0)}/s  ratio ${ratio.toFixed(2)}\n`,
  );
}

function median(measured: readonly Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.rps - b.rps);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error('nothing was measured');
  return middle;
}

function median2(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function rssMiB(child: ChildProcess): number {
  const line = readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/);
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}
