// Whole configurations for lints about sources and targets: one source in an exchequer.yaml that loads, read by the code that `check` runs.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { offlineReach, readConfiguration } from '../../src/compose-configuration.ts';
import { placeExample } from './examples.ts';

export const HEAD = `issuer: https://sts.example
listen: { address: "0.0.0.0:8443", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:9464" }
control: { socket: ./control.sock }
targets: { deploy: { kind: token, audience: "https://deploy.example" } }
policies: [./policies]
store: { directory: ./state }
keys: { directory: ./keys }
audit: { to: stdout }
trust:
  mesh: { kind: spiffe, trustDomain: example.org, bundle: { file: ./bundle.json } }
`;
/** The line of the source under test. */
export const SOURCE_LINE = HEAD.split('\n').length;
export const RULE =
  'rules: [{ name: r, subject: { trust: mesh, sub: "spiffe://example.org/a/b" }, allow: [deploy] }]\n';

export const LINT_WORLD = {
  clock: { nowSeconds: () => 1_790_000_000, elapsedMs: () => 0 },
  randomBytes: (count: number) => new Uint8Array(count),
  env: {},
};

/** Reads a configuration whose source `s` has these options, in flow form without braces. */
export async function readSource(options: string) {
  const file = await placeExample(`${HEAD}  s: { ${options} }\n`, [RULE]);
  try {
    return await readConfiguration(LINT_WORLD, file, offlineReach(LINT_WORLD));
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}
