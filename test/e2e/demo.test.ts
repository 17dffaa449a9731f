// `make demo`, as a stranger runs it first: it compares everything that it shows and ends with exit code 1 where anything came out
// otherwise. Here only: that it ends well, says each part, and leaves nothing behind.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const DEMO = join(import.meta.dirname, '../../src/adapters/cli/demo/demo.ts');

/** Whom the unmodified SDK says that it is: a pod, and a job. */
const IN_AWS = [
  /Arn +\S+\/cluster\+system\+serviceaccount\+payments\+api$/m,
  /Arn +\S+\/github\+repository_id\+74\S*$/m,
];
const NOT_IN_AWS = /error +AccessDenied: no rule lets .*refs\/heads\/dev/;

/** What the delegation scenes come to: each is the last word of one. */
const AN_MCP_SERVER_ANSWERS = /read_postings three postings, for people:alice <- agents\/assistant$/m;
const ANOTHER_DOES_NOT = /answer +401 .*Token was not issued for this resource/;
const STEP_UP = /acr_values +mfa\n +max_age +600\n.*\n +write_posting posted, for people:alice/;
const BLOCKED = /reason +withdrawn\n(?:.*\n)+? +answer +\{"active":false\}/;
const LAST_HOP = /ledger +people:bob <- agents\/assistant <- books\/mcp <- reports\/api$/m;
const ALL_ENDED = /books +inactive\n +reports +inactive\n +ledger +inactive\n/;

it('the demo shows exchanges, refusals, delegation, a rotation, credentials of a cloud and a private cluster, and ends with exit code 0', () => {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-demo-test-'));
  const env = { ...process.env, TMPDIR: folder };
  const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO], { env, encoding: 'utf8', timeout: 120_000 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const parts = [...stdout.matchAll(/^=== (.*?) =+$/gm)].map(([, title]) => title);
  expect(parts).toEqual([
    'Exchanges',
    'Refusals',
    'An MCP gateway: a person, an agent, and an MCP server',
    'Three hops behind each other',
    'An X.509-SVID over mutual TLS, and a rotation of its root',
    'Credentials of a cloud',
    'A private cluster',
  ]);
  for (const scene of [
    AN_MCP_SERVER_ANSWERS,
    ANOTHER_DOES_NOT,
    STEP_UP,
    BLOCKED,
    LAST_HOP,
    ALL_ENDED,
    ...IN_AWS,
    NOT_IN_AWS,
  ])
    expect(stdout).toMatch(scene);
  expect(stdout).toContain('the old SVID is refused on its living connection');
  expect(stdout).toContain('reason    review_refused');
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
}, 120_000);
