// What `suggest` writes for one refused request, and what it leaves out, with the reason; each beside the case that it is not left out for.

import { describe, expect, it } from 'vitest';
import type { Principal } from '../../../src/core/principal.ts';
import { GOOGLE } from '../../../src/platforms/google.ts';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { createPolicy } from '../../../src/policy/decide.ts';
import { readRecorded } from '../../../src/policy/recorded/recorded.ts';
import { createReplay } from '../../../src/policy/recorded/replay.ts';
import { createSuggester } from '../../../src/policy/recorded/suggest.ts';
import { suggestedText } from '../../../src/policy/recorded/suggest-text.ts';
import { vetted } from '../../../src/policy/recorded/suggest-vet.ts';
import {
  CLIENTS,
  CLIENTS_SOURCE,
  compileTexts,
  documentOf,
  githubJob,
  NOW,
  principalOf,
  SOURCES,
  TARGETS,
} from '../../support/policy.ts';
import { type Asking, lineOf, REPLAY_NAMES } from '../../support/recorded.ts';

const parametrised = {
  name: 'site',
  kind: 'token',
  address: 'https://sites.example/<site>',
  parameters: ['site'],
  scopes: [],
  defaultScopes: [],
  lifetimeSecondsMax: 300,
};
const GOOGLE_SOURCE = {
  ...CLIENTS_SOURCE,
  name: 'google',
  kind: 'google',
  table: GOOGLE,
  issuer: 'https://accounts.google.com',
};
const world = {
  sources: [
    ...SOURCES.map((source) =>
      source.name === 'gitlab' ? { ...source, require: {}, issuer: 'https://gitlab.acme.example' } : source,
    ),
    CLIENTS_SOURCE,
    GOOGLE_SOURCE,
  ],
  targets: [...TARGETS, parametrised],
};

const RULES = `rules:
  - { name: never, subject: { trust: github, github: { actor: mallory } }, deny: all }
  - { name: trial, mode: preview, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/dev } }, allow: [deploy] }
  - { name: other, subject: { trust: gitlab, gitlab: { project_id: 20, namespace_id: 72, ref_path: refs/heads/main } }, allow: [deploy] }
  - { name: robot, subject: { trust: google, google: { sub: "103923486725347586453", email: a@b.iam.gserviceaccount.com } }, allow: [deploy] }
`;

const dev = (change = {}): Principal =>
  githubJob({
    ref: 'refs/heads/dev',
    job_workflow_ref: 'acme/shop/.github/workflows/a.yml@refs/heads/dev',
    runner_environment: 'github-hosted',
    ...change,
  });

/** The file that comes of these requests, and how many rules it has. */
function suggest(askings: readonly Asking[], { before = RULES, now = RULES } = {}) {
  const [decided, compiled] = [before, now].map((rules) => {
    const read = compileTexts([rules], world);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    return read.policy;
  });
  if (!decided || !compiled) throw new Error('two policies');
  const on = (policy: typeof compiled) =>
    createReplay({ ...REPLAY_NAMES, policy, clients: new Map(CLIENTS.map((id) => [id, { proofRequired: false }])) });
  const suggester = createSuggester({ policy: compiled, sources: world.sources, replayOn: on });
  for (const [index, asking] of askings.entries()) {
    const recorded = readRecorded(JSON.parse(lineOf(createPolicy(decided), asking, `d${index}`)));
    if (recorded.is === 'decided') suggester.take(recorded.request);
  }
  const suggestions = vetted(suggester.finish(), (file, text) => {
    const documents = [documentOf(now), documentOf(text, file)];
    const read = compilePolicy({ documents, ...world, clients: CLIENTS });
    return read.ok ? read.warnings : read.problems;
  });
  const lines = suggestedText(suggestions);
  return {
    lines,
    rules: suggestions.rules.length,
    why: suggestions.leftOut.map((one) => one.why),
    allowedNow: suggestions.allowedNow,
  };
}

const ruleOf = (asking: Asking): readonly string[] => suggest([asking]).lines.filter((line) => line.startsWith('    '));

describe('a suggested rule', () => {
  it('pins every identifier, context and tight field exactly, and says how often it was missed', () => {
    const { lines } = suggest([
      { subject: dev(), targets: ['deploy'] },
      { subject: dev({ actor: 'hubot' }), targets: ['https://api.example/deploy'], time: NOW + 60 },
    ]);
    expect(lines.slice(1)).toEqual([
      'rules:',
      `  # 2 times from ${new Date(NOW * 1000).toISOString()} to ${new Date(NOW * 1000 + 60_000).toISOString()}, last d1: github:repo:acme/shop:ref:refs/heads/main`,
      '  # in preview, trial would have allowed it',
      expect.stringMatching(/^ {2}- name: suggested-github-[0-9a-f]{12}$/),
      '    subject:',
      '      trust: "github"',
      '      github: { repository_id: "74", repository_owner_id: "65", ref: "refs/heads/dev", event_name: "push", job_workflow_ref: "acme/shop/.github/workflows/a.yml@refs/heads/dev", runner_environment: "github-hosted" }',
      '    allow: ["deploy"]',
    ]);
  });

  it('has the same name whenever it is suggested, and never one that is taken', () => {
    const nameIn = (now?: string) =>
      suggest([{ subject: dev(), targets: ['deploy'] }], now ? { now } : {}).lines[4]?.slice(10);
    const name = nameIn();
    expect(nameIn()).toBe(name);
    const preview = `  - { name: ${name}, mode: preview, subject: { trust: github, github: { repository_id: 1, ref: a } }, allow: [deploy] }\n`;
    expect(nameIn(RULES + preview)).toBe(`${name}-2`);
  });

  it('says the scopes that were asked for, or those that are granted where none were', () => {
    expect(ruleOf({ subject: dev(), targets: ['ledger'], scopes: ['write', 'read'] }).at(-1)).toBe(
      '    allow: { ledger: ["read", "write"] }',
    );
    expect(ruleOf({ subject: dev(), targets: ['ledger'] }).at(-1)).toBe('    allow: { ledger: ["read"] }');
  });

  it('names the client, but not one that is the subject itself', () => {
    const gateway = principalOf('eks', {});
    const client = {
      id: 'gateway',
      method: 'private_key_jwt',
      principal: { ...gateway, source: 'clients', name: 'clients:gateway' },
    } as const;
    expect(ruleOf({ subject: dev(), targets: ['deploy'], client })).toContain('    client: "gateway"');
    const subject = { ...client.principal, kind: 'client', claims: { sub: 'gateway' } };
    const itself = ruleOf({ subject, targets: ['deploy'], client: { ...client, principal: subject } });
    expect(itself).toEqual(['    subject:', '      trust: "clients"', '      sub: "gateway"', '    allow: ["deploy"]']);
  });

  it('writes a SPIFFE ID whole, and a service account with its namespace', () => {
    const mesh = principalOf('mesh', { sub: 'spiffe://example.org/ns/payments/sa/api' });
    expect(ruleOf({ subject: mesh, targets: ['vault'] })).toContain(
      '      sub: "spiffe://example.org/ns/payments/sa/api"',
    );
    const pod = principalOf('eks', {
      sub: 's',
      'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api', uid: 'u-1' } },
    });
    expect(ruleOf({ subject: pod, targets: ['deploy'] })).toContain(
      '      kubernetes: { namespace: "payments", serviceaccount: "api", uid: "u-1" }',
    );
  });

  it("writes the parameters that a target's address says", () => {
    expect(ruleOf({ subject: dev(), targets: ['https://sites.example/shop'] }).slice(-2)).toEqual([
      '    with: { site: "shop" }',
      '    allow: ["site"]',
    ]);
  });

  it('takes the requests of a narrower one that it covers', () => {
    const narrow = dev({ environment: 'production' });
    const { lines, rules } = suggest([
      { subject: narrow, targets: ['deploy'] },
      { subject: dev(), targets: ['deploy'] },
    ]);
    expect(rules).toBe(1);
    expect(lines.join('\n')).not.toContain(' environment:');
    expect(lines[2]).toContain('2 times');
  });
});

describe('what suggest leaves out', () => {
  const stranger = { repository_owner_id: '66', repository_id: '99' };
  const gitlab = (change = {}) =>
    principalOf('gitlab', { sub: 's', project_id: '21', namespace_id: '72', ref_path: 'refs/heads/main', ...change });
  const people = principalOf('people', { sub: 'anna' });

  const google = (sub: string): Principal => ({
    ...people,
    source: 'google',
    claims: { sub, email: 'a@b.iam.gserviceaccount.com' },
  });

  it.each<readonly [string, Asking, string | undefined]>([
    [
      'an account that a rule pins, where everybody has one issuer',
      { subject: google('103923486725347586453'), targets: ['ledger'] },
      undefined,
    ],
    ['a tenant that require pins', { subject: dev(), targets: ['deploy'] }, undefined],
    [
      'a tenant that nothing pins',
      { subject: dev(stranger), targets: ['deploy'] },
      'no rule and no require pins its tenant',
    ],
    ['a tenant that a rule pins', { subject: gitlab(), targets: ['deploy'] }, undefined],
    [
      'a tenant that no rule pins',
      { subject: gitlab({ namespace_id: '73' }), targets: ['deploy'] },
      'no rule and no require pins its tenant',
    ],
    [
      'an account that no rule pins, where everybody has one issuer',
      {
        subject: { ...google('1002'), claims: { sub: '1002', email: 'x@y.iam.gserviceaccount.com' } },
        targets: ['ledger'],
      },
      'no rule and no require pins its tenant',
    ],
    // The address was enough: whoever made a deleted account's address again was suggested under it, by his own number.
    [
      'an account whose address alone a rule pins',
      { subject: google('1002'), targets: ['ledger'] },
      'no rule and no require pins its tenant',
    ],
    ['what a deny refuses', { subject: dev({ actor: 'mallory' }), targets: ['deploy'] }, 'denied by never'],
    ['people', { subject: people, targets: ['deploy'] }, 'people: who may act for them is written by hand'],
    ['a target that is not there', { subject: dev(), targets: ['nowhere'] }, 'the target is unknown'],
    ['two targets', { subject: dev(), targets: ['deploy', 'ledger'] }, 'the target is unknown'],
    [
      'a target whose parameters nothing says',
      { subject: dev(), targets: ['site'] },
      'site was asked for by its name, which does not say site',
    ],
    [
      'a scope that the target has not',
      { subject: dev(), targets: ['ledger'], scopes: ['root'] },
      'ledger has not all the scopes that were asked for',
    ],
    [
      'what the target requires of everyone',
      { subject: dev(), targets: ['vault'] },
      'refused whatever a rule says: target_requirement_unmet',
    ],
    [
      'a claim that was cut',
      { subject: dev({ ref: `refs/heads/${'x'.repeat(300)}` }), targets: ['deploy'] },
      'ref is not recorded in full',
    ],
    [
      'a value that reads as a pattern',
      { subject: dev({ environment: 'a*' }), targets: ['deploy'] },
      'environment has a value that a rule cannot say exactly',
    ],
    [
      'a value that reads as a parameter',
      { subject: dev({ environment: '<site>' }), targets: ['deploy'] },
      'environment has a value that a rule cannot say exactly',
    ],
    [
      'a job without a context',
      { subject: dev({ ref: '' }), targets: ['deploy'] },
      'it has no context that a rule could pin',
    ],
  ])('%s', (_, asking, why) => {
    const found = suggest([asking]);
    expect({ why: found.why, rules: found.rules }).toEqual(
      why === undefined ? { why: [], rules: 1 } : { why: [why], rules: 0 },
    );
  });

  it('what the linter would stop or warn of, with the lint by name', () => {
    const { why, rules } = suggest([
      { subject: dev({ event_name: 'pull_request', ref: 'refs/pull/1/merge' }), targets: ['deploy'] },
      { subject: dev({ runner_environment: 'self-hosted' }), targets: ['deploy'] },
    ]);
    expect(why.map((one) => one.split(':')[0]).sort()).toEqual(['accepts-pull-requests', 'self-hosted-runners']);
    expect(rules).toBe(0);
  });

  it('what is granted, or would be granted now', () => {
    const mended = RULES.replace('mode: preview, ', '');
    const asking = { subject: dev(), targets: ['deploy'] };
    expect(suggest([asking], { now: mended })).toMatchObject({ rules: 0, why: [], allowedNow: 1 });
    expect(suggest([asking], { before: mended })).toMatchObject({ rules: 0, why: [], allowedNow: 0 });
  });

  it('no text of a record leaves its comment or its quotes', () => {
    const { lines } = suggest([
      { subject: { ...dev({ environment: 'a"\n- name: evil' }), name: 'x\n- name: evil' }, targets: ['deploy'] },
    ]);
    expect(lines.filter((line) => line.includes('evil')).every((line) => /^ +(?:# |github: \{)/.test(line))).toBe(true);
    expect(lines.every((line) => /^[\x20-\x7e]*$/.test(line))).toBe(true);
  });
});
