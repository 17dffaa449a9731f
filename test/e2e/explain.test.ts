// Wrong tokens, each wrong in one way that people meet: `explain` names the true cause first, with what was presented and what was
// expected, and the running broker refuses the same token for the same reason.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JWT_TYPE, mint, startTestBroker, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import { runProgram } from '../support/program.ts';
import { EKS, type Tokens, tokensFor, WRONG_TOKENS, WRONG_TOKENS_WORLD, type Wrong } from '../support/wrong-tokens.ts';

let broker: TestBroker;
let tokens: Tokens;
beforeAll(async () => {
  broker = await startTestBroker(WRONG_TOKENS_WORLD);
  tokens = tokensFor(broker);
});
afterAll(() => broker.stop());

const time = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

async function explain({ platform, claims, target, scope }: Wrong, ...more: readonly string[]) {
  const token = await mint(broker, platform, claims);
  const file = join(broker.folder, 'wrong.jwt');
  writeFileSync(file, token);
  const words = ['--token-file', file, '--target', target, ...(scope === undefined ? [] : ['--scope', scope]), ...more];
  const said = await runProgram(['explain', '--config', join(broker.folder, 'exchequer.yaml'), ...words]);
  const lines = said.out.flatMap((text) => text.split('\n'));
  const header = lines.filter((line) => /^(?:claims|subject|client|asked) /.test(line)).length;
  return { ...said, token, first: lines[header]?.replace(/^refused +/, ''), rest: lines.slice(header + 1) };
}

/** The cause with what is another in every run filled in. */
const filled = (cause: string, { claims }: Wrong): string =>
  cause.replace(/<(issuer|exp|nbf|iat)>/g, (_all, name: string) =>
    name === 'issuer' ? broker.issuer : time(Number(claims[name])),
  );

describe('explain names the true cause first', () => {
  it('has at least twenty of them', () => {
    expect(WRONG_TOKENS.length).toBeGreaterThanOrEqual(20);
    expect(new Set(WRONG_TOKENS.map(([, , cause]) => cause)).size).toBe(WRONG_TOKENS.length);
  });

  it.each(WRONG_TOKENS)('of %s, as the broker refuses it', async (_title, make, cause) => {
    const wrong = make(tokens);
    const { first, exits, out, err, token } = await explain(wrong);
    expect(first).toBe(filled(cause, wrong));
    expect([exits, err]).toEqual([[1], []]);
    for (const part of token.split('.')) expect(out.join()).not.toContain(part);

    const { target, scope } = wrong;
    await broker.exchange(token, { audience: target, ...(scope === undefined ? {} : { scope }) });
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: cause.split(':')[0] });
  });

  it.each([
    ['a job', () => tokens.job()],
    [
      'a job whose environment is written in another case, which GitHub ignores',
      () => tokens.job({ environment: 'Production' }),
    ],
    ['a pod', () => tokens.pod()],
    ['an SVID', () => tokens.svid('spiffe://prod.example/ns/payments/sa/api')],
    ['a worker', () => tokens.worker({})],
  ])('and says of %s that is right that it is allowed, as the broker does', async (_title, make) => {
    const wrong = make();
    const { first, exits, token } = await explain(wrong);
    expect([exits, first?.startsWith(`allowed   ${wrong.target}`)]).toEqual([[0], true]);
    expect((await broker.exchange(token, { audience: wrong.target })).status).toBe(200);
  });
});

describe('an hour later', () => {
  const late = () =>
    tokens.job({
      ref: 'refs/heads/dev',
      iat: tokens.minutes(-70),
      nbf: tokens.minutes(-75),
      exp: tokens.minutes(-62.5),
    });

  it('a token has expired, and but for that had the wrong ref: both are said', async () => {
    const { first, rest } = await explain(late());
    expect(first).toMatch(/^expired: github: exp was [0-9TZ:-]+, 62 minutes ago, must be later$/);
    expect(rest.slice(0, 2)).toEqual([
      'but for that:',
      'refused   no_rule: nearest production (policies/rules.yaml:2): ref was "refs/heads/dev", must be "refs/heads/main"',
    ]);
  });

  it('what is granted but for that is not said to have expired a second time, at no time', async () => {
    const good = tokens.job({ iat: tokens.minutes(-70), nbf: tokens.minutes(-75), exp: tokens.minutes(-62.5) });
    for (const more of [[], ['--at', time(tokens.minutes(-10))]]) {
      const { first, rest } = await explain(good, ...more);
      expect([first?.split(':')[0], rest[0], rest[1]?.split(' ')[0]]).toEqual(['expired', 'but for that:', 'allowed']);
    }
    expect(JSON.parse((await explain(good, '--json')).out.join()).causes).toHaveLength(1);
  });

  it('--at judges as of then, by times as well', async () => {
    const then = await explain(late(), '--at', time(tokens.minutes(-65)));
    expect(then.first).toContain('no_rule: nearest production');
    const good = tokens.job({ iat: tokens.minutes(-70), nbf: tokens.minutes(-75), exp: tokens.minutes(-62.5) });
    expect((await explain(good, '--at', time(tokens.minutes(-65)))).exits).toEqual([0]);
    expect((await explain(good, '--at', time(tokens.minutes(-80)))).first).toContain('not_yet_valid: github: ');
  });

  it('everything that is wrong is said, in the order in which the broker would come to it', async () => {
    const wrong = { ...late(), claims: { ...late().claims, aud: 'https://other.example' } };
    const { first, rest } = await explain(wrong);
    expect([first, ...rest].slice(0, 4).map((line) => line?.replace(/^refused +/, '').replace(/:.*/, ''))).toEqual([
      'audience_mismatch',
      'but for that',
      'expired',
      'no_rule',
    ]);
    const json = await explain(wrong, '--json');
    expect(JSON.parse(json.out.join()).causes.map(({ reason }: { reason: string }) => reason)).toEqual([
      'audience_mismatch',
      'expired',
      'no_rule',
    ]);
  });

  it('nothing is left of a token within the leeway, which the broker proves and does not issue for', async () => {
    const wrong = tokens.job({ iat: tokens.minutes(-5), exp: broker.now() - 5 });
    const { first, exits, token } = await explain(wrong);
    expect([exits, first]).toEqual([[1], expect.stringMatching(/^expired: github: exp was .* ago, must be later$/)]);
    await broker.exchange(token, { audience: 'deploy' });
    expect(broker.records().at(-1)).toMatchObject({ reason: 'expired', rule: 'production' });
  });
});

describe('what the running broker decided', () => {
  const last = () => runProgram(['explain', '--config', join(broker.folder, 'exchequer.yaml'), '--last']);

  it('is explained from its record, with what may have been meant', async () => {
    const { token } = await explain(tokens.job({ ref: 'refs/heads/Main' }));
    await broker.exchange(token, { audience: 'deploy' });
    const { out, exits } = await last();
    expect(exits).toEqual([1]);
    expect(out).toContain(
      '  production (policies/rules.yaml:2) allow: claims: ref was "refs/heads/Main", must be "refs/heads/main"; they differ in letter case only',
    );
  });

  it('is read from the trail by whoever has that, and only with its own record', async () => {
    const { token } = await explain(tokens.job({ ref: 'refs/heads/Main' }));
    await broker.exchange(token, { audience: 'deplo' });
    const remembered = (await last()).out;
    const id = String(broker.records().at(-1)?.decision);
    const trail = join(broker.folder, 'audit.jsonl');
    const copy = join(broker.folder, 'copy.jsonl');
    const torn = `{"event":"exchange","decision":"${id}`;
    const other = JSON.stringify({ event: 'checkpoint', decision: id });
    const cut = `{"event":"exchange","decision":"${id}","pad":"${'x'.repeat(200_000)}"}`;
    writeFileSync(copy, [torn, other, cut, readFileSync(trail, 'utf8')].join('\n'));
    const config = ['--config', join(broker.folder, 'exchequer.yaml')];
    const said = await runProgram(['explain', ...config, '--decision', id, '--from', copy]);
    expect(said).toEqual({ out: remembered, err: [], exits: [1] });
    expect(said.out).toContain('asked     "deplo": there is no such target; did you mean deploy?');
    const absent = await runProgram(['explain', '--decision', '0'.repeat(26), '--from', copy]);
    expect([absent.exits, absent.err[0]]).toEqual([[3], expect.stringContaining('holds no record of this decision')]);
    expect((await runProgram(['explain', '--decision', id, '--from', '/nowhere/f'])).exits).toEqual([3]);
  });

  it('is said to be a dry run where it was one', async () => {
    const { token } = await explain(tokens.job());
    const form = new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      subject_token: token,
      subject_token_type: JWT_TYPE,
    });
    form.set('audience', 'deploy');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await broker.call({ method: 'POST', path: '/decide', headers }, form.toString());
    expect(await last()).toMatchObject({ exits: [0], out: expect.arrayContaining(['dryRun    true']) });
  });
});

describe('claims that are not a whole payload', () => {
  it('lack what every token has, and but for that are judged by the rules where their name needs none of it', async () => {
    const { sub: _sub, ...claims } = tokens.job({ ref: 'refs/heads/dev' }).claims;
    const file = join(broker.folder, 'claims.json');
    writeFileSync(file, JSON.stringify(claims));
    const words = ['--config', join(broker.folder, 'exchequer.yaml'), '--claims-file', file, '--target', 'deploy'];
    const { out, exits } = await runProgram(['explain', ...words, '--trust', 'github']);
    expect(out.slice(1, 5)).toEqual([
      'subject   github:repository_id:74:environment:production',
      'refused   claim_missing: github: sub was absent, must be text; tokens of this kind have it',
      'but for that:',
      'refused   no_rule: nearest production (policies/rules.yaml:2): ref was "refs/heads/dev", must be "refs/heads/main"',
    ]);
    expect(exits).toEqual([1]);
    writeFileSync(file, JSON.stringify({ aud: broker.issuer, iat: broker.now(), exp: broker.now() + 300, team: 7 }));
    const login = await runProgram(['explain', ...words, '--trust', 'login']);
    expect(login.out.filter((line) => line.startsWith('subject'))).toEqual([]);
  });
});

describe('what a token says', () => {
  it('is shown to an operator, and obeyed by no terminal', async () => {
    const { out } = await explain(tokens.job({ ref: 'refs/heads/\u001b[2J\u009b\u202e' }));
    expect(out.join('\n')).toContain('refs/heads/\\u001b[2J\\u009b\\u202e');
    for (const line of [...out, ...(await explain(tokens.job({ aud: '\u009b2J' }), '--json')).out])
      expect(line).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('says a header that the source does not take before anything else', async () => {
    const { claims } = tokens.job({ ref: 'refs/heads/dev' });
    const file = join(broker.folder, 'typed.jwt');
    writeFileSync(file, await mint(broker, 'github', claims, { typ: 'at+jwt' }));
    const words = ['--config', join(broker.folder, 'exchequer.yaml'), '--token-file', file, '--target', 'deploy'];
    const { out } = await runProgram(['explain', ...words]);
    expect(out[2]).toBe('refused   typ_refused: github: header typ was "at+jwt", must be "JWT" or none');
  });
});

describe('the one sentence of `tell: caller`', () => {
  it('has the form of the documents, but for quotes, which RFC 6749 §5.2 does not take', async () => {
    const { token } = await explain(tokens.job({ ref: 'refs/heads/dev' }));
    const { body } = await broker.exchange(token, { audience: 'deploy' });
    expect(body.error_description).toMatch(
      /^no rule lets github:repository_id:74:environment:production have deploy; nearest production \(policies\/rules\.yaml:2\): ref was 'refs\/heads\/dev', must be 'refs\/heads\/main'\. [0-9A-Z]{26}$/,
    );
  });

  it('tells no more than before of rules that are about others, previews, or have ended', async () => {
    for (const [wrong, hidden] of [
      [tokens.job({ repository_id: '75' }), 'production ('],
      [tokens.push({}, 'tried'), 'tried ('],
      [tokens.push({}, 'gone'), 'gone ('],
      [tokens.pod({}, EKS), 'pods'],
    ] as const) {
      const { token, first } = await explain(wrong);
      const { body } = await broker.exchange(token, { audience: wrong.target });
      expect(first).toContain(hidden);
      expect(body.error_description).not.toContain(hidden);
    }
  });
});
