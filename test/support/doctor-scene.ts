// A broker behind something else that serves its issuer's URL, as a load balancer, a cache or a bucket does, and `doctor` beside it. What stands
// between answers as the broker does, unless a test says otherwise.

import { chmodSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Finding } from '../../src/adapters/cli/doctor-report.ts';
import type { BrokerWorld } from '../../src/compose-state.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';
import { runProgram } from './program.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

/** What the front gives for a path, made of what the broker gives. */
export type Front = (
  text: string,
  path: string,
) => { readonly status?: number; readonly text: string; readonly afterMs?: number };

export interface DoctorScene extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly front: TlsServer;
  readonly ca: string;
  behave: Front;
  /** Runs `doctor`, and gives its findings by their area with what they say. */
  examine(words?: readonly string[], world?: Partial<BrokerWorld>): Promise<Examined>;
}

export interface Examined {
  readonly exit: number | undefined;
  readonly findings: readonly Finding[];
  /** `outcome area: says`, of everything that is not as it should be. */
  readonly wrong: readonly string[];
  readonly text: string;
}

const RULES = {
  'rules.yaml': `
rules:
  - name: main
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { ledger: all, deploy: all }
`,
};

const asIs: Front = (text) => ({ text });

export async function openDoctorScene(options: TestBrokerOptions = {}): Promise<DoctorScene> {
  let started: TestBroker | undefined;
  const scene = { behave: asIs };
  const front = await openTlsServer((request, response) => void pass(request, response));
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = 'GET', headers } = request;
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const type = headers['content-type'];
    const given = await started?.call({ method, path: url, headers: type ? { 'content-type': type } : {} }, body);
    const { status = given?.status ?? 502, text, afterMs = 0 } = scene.behave(given?.text ?? '', url);
    await setTimeout(afterMs);
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  }
  const { config = (yaml: string) => yaml } = options;
  const broker = await startTestBroker({
    policies: RULES,
    ...options,
    // Every target is somebody's, so that nothing is to be looked at.
    config: (yaml) =>
      config(
        yaml.replace(/^issuer: .*$/m, `issuer: https://localhost:${front.port}`).replace(/^ {2}secret: .*\n/m, ''),
      ),
  });
  started = broker;
  chmodSync(join(broker.folder, 'tls.key'), 0o600);
  const ca = join(broker.folder, 'front.crt');
  writeFileSync(ca, front.ca);
  return Object.assign(scene, {
    broker,
    front,
    ca,
    examine: (words: readonly string[] = ['--ca', ca], world: Partial<BrokerWorld> = {}) =>
      examine(join(broker.folder, 'exchequer.yaml'), words, world),
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await front[Symbol.asyncDispose]();
    },
  });
}

export async function examine(
  config: string,
  words: readonly string[] = [],
  world: Partial<BrokerWorld> = {},
): Promise<Examined> {
  const said = await runProgram(['doctor', '--config', config, '--json', ...words], {}, world);
  const { findings }: { findings: readonly Finding[] } = JSON.parse(said.out.join('\n'));
  const wrong = findings
    .filter(({ outcome }) => outcome !== 'ok')
    .map(({ outcome, area, says }) => `${outcome} ${area}: ${says}`);
  return { exit: said.exits[0], findings, wrong, text: said.out.join('\n') };
}
