// `can`, `who-can` and `diff OLD NEW` as main.ts runs them, on configurations in files.

import { rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeExample } from '../support/examples.ts';
import { runProgram } from '../support/program.ts';

const CONFIGURATION = `
issuer: https://sts.example
listen: { address: "127.0.0.1:0", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:0" }
control: { socket: ./control.sock }
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: ./audit.jsonl }
policies: [./policies]
trust:
  github: { kind: github, require: { repository_owner_id: 65 } }
  eks: { kind: kubernetes, issuer: https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF }
targets:
  deploy: { kind: token, audience: https://deploy.example }
  space: { kind: token, audience: "https://<ns>.space.example" }
`;

const RULES = `
rules:
  - name: shop
    subject: { trust: github, github: { repository_id: [74, 75], environment: production, ref: refs/heads/main } }
    allow: [deploy]
  - name: space
    subject: { trust: eks, kubernetes: { namespace: <ns>, serviceaccount: api } }
    allow: [space]
  - name: bots
    subject: { trust: github, github: { actor: robot } }
    deny: all
`;

const placed: string[] = [];
async function place(rules: string, configuration = CONFIGURATION): Promise<string> {
  const file = await placeExample(configuration, [rules]);
  placed.push(dirname(file));
  return file;
}
afterAll(() => {
  for (const folder of placed) rmSync(folder, { recursive: true });
});

let config: string;
beforeAll(async () => {
  config = await place(RULES);
});

const SHOP = 'github:repository_id:74:environment:production';

describe('exchequer can', () => {
  it('says what the name of a principal gives it, under which conditions, and what denies it', async () => {
    const { out, exits } = await runProgram(['can', SHOP, '--config', config]);
    expect(out).toEqual([
      'if  deploy (https://deploy.example) for at most 300 s',
      '    by shop (policies/0.yaml:3)',
      '    if ref is "refs/heads/main"',
      '    unless actor is "robot": denied by bots (policies/0.yaml:9)',
    ]);
    expect(exits).toEqual([0]);
  });

  it('says yes where the name tells everything, with the address that it comes to', async () => {
    const { out, exits } = await runProgram(['can', 'eks:system:serviceaccount:pay:api', '--config', config, '--json']);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      source: 'eks',
      entries: [
        { rule: 'space', address: 'https://pay.space.example', parameters: { ns: 'pay' }, conditions: [], unless: [] },
      ],
    });
    expect(exits).toEqual([0]);
  });

  it.each([
    ['another repository', 'github:repository_id:76:environment:production', 1],
    ['a name without the environment', 'github:repository_id:74:ref:refs/heads/main', 1],
    ['a source that is none', 'gitlab:project_id:1', 2],
    ['a name that nobody of the kind has', 'github:repository:acme', 2],
    ['a name that is encoded in another way', 'github:repository_id:7%34:environment:production', 2],
  ])('exits 1 for nothing and 2 for no name: %s', async (_, identity, code) => {
    expect((await runProgram(['can', identity, '--config', config])).exits).toEqual([code]);
  });

  it('exits 3 where the configuration does not load', async () => {
    expect((await runProgram(['can', SHOP, '--config', `${config}.none`])).exits).toEqual([3]);
  });
});

describe('exchequer who-can', () => {
  it('lists every rule that gives a target, with conditions and denies', async () => {
    const { out, exits } = await runProgram(['who-can', 'deploy', '--config', config]);
    expect(out).toEqual([
      'of github only where repository_owner_id is "65"',
      'github  deploy (https://deploy.example) for at most 300 s',
      '    by shop (policies/0.yaml:3)',
      '    repository_id is "74" or "75"',
      '    environment is "production"',
      '    ref is "refs/heads/main"',
      '    unless actor is "robot": denied by bots (policies/0.yaml:9)',
    ]);
    expect(exits).toEqual([0]);
  });

  it('finds the values with which a rule comes to an address', async () => {
    const { out, exits } = await runProgram(['who-can', 'https://pay.space.example', '--config', config]);
    expect(out.slice(2)).toEqual(['    namespace is "pay"', '    serviceaccount is "api"']);
    expect(exits).toEqual([0]);
  });

  it.each(['nowhere', 'https://a/b.space.example', 'https://...space.example'])(
    'exits 2 for what is no target and no address of one: %s',
    async (target) => {
      expect((await runProgram(['who-can', target, '--config', config])).exits).toEqual([2]);
    },
  );
});

describe('exchequer diff OLD NEW', () => {
  it('says what else proves a source or a client, and that this is a change', async () => {
    const withClient = (id: string) =>
      CONFIGURATION.replace('targets:', `clients:\n  gateway: { certificate: { ca: ./ca.pem, dns: ${id} } }\ntargets:`);
    const [old, same, other] = await Promise.all(
      ['a.example', 'a.example', 'b.example'].map((id) => place(RULES, withClient(id))),
    );
    const { out, exits } = await runProgram(['diff', String(old), String(other)]);
    expect(out).toEqual([
      'no rule gives or takes anything',
      'clients gateway: definition was {"certificate":{"ca":"./ca.pem","dns":"a.example"}}, is {"certificate":{"ca":"./ca.pem","dns":"b.example"}}',
    ]);
    expect(exits).toEqual([1]);
    expect(await runProgram(['diff', String(old), String(same)])).toMatchObject({ exits: [0] });
  });

  const changed = async (from: string, to: string, configuration = CONFIGURATION) => {
    const other = await place(RULES.replace(from, to), configuration);
    const { out, exits } = await runProgram(['diff', config, other]);
    return { out: out.filter((line) => /^\S/.test(line)), exits };
  };

  it('finds nothing where a rule is renamed, and exits 0', async () => {
    expect(await changed('name: shop', 'name: store')).toEqual({ out: ['nobody gains or loses anything'], exits: [0] });
  });

  it('names only the new value of a list', async () => {
    const other = await place(RULES.replace('[74, 75]', '[74, 75, 76]'));
    const { out, exits } = await runProgram(['diff', config, other]);
    expect(out.slice(0, 3)).toEqual([
      'gains  github  deploy (https://deploy.example) for at most 300 s',
      '       by shop (policies/0.yaml:3)',
      '       repository_id is "76"',
    ]);
    expect(exits).toEqual([1]);
  });

  it.each([
    [
      'a preview',
      'name: shop',
      'name: shop\n    mode: preview',
      ['loses  github  deploy (https://deploy.example) for at most 300 s'],
    ],
    [
      'a rule to be retired',
      'name: shop',
      'name: shop\n    mode: retire',
      ['stays  github  deploy (https://deploy.example) for at most 300 s, to be retired'],
    ],
    [
      'a shorter lifetime',
      'name: shop',
      'name: shop\n    lifetime: 60s',
      ['loses  github  deploy (https://deploy.example) for at most 300 s'],
    ],
    [
      'a deny that is lifted',
      'actor: robot',
      'actor: other',
      expect.arrayContaining([
        'gains  no longer denied anything: github, actor is "robot", by bots (policies/0.yaml:9)',
      ]),
    ],
  ])('shows %s, and exits 1', async (_, from, to, out) => {
    const found = await changed(from, to);
    expect(found.exits).toEqual([1]);
    expect(found.out).toEqual(out);
  });

  it('tells a grant that is to be retired from one that is lost as well, and says when it no longer is', async () => {
    const retired = await place(RULES.replace('name: shop', 'name: shop\n    mode: retire'));
    const back = await runProgram(['diff', retired, config, '--json']);
    expect(back.exits).toEqual([1]);
    expect(JSON.parse(back.out.join(''))).toMatchObject({
      gains: { entries: [] },
      losses: { entries: [] },
      stays: [{ rule: 'shop', mode: 'enforce' }],
    });
    expect((await runProgram(['diff', retired, config])).out[0]).toBe(
      'stays  github  deploy (https://deploy.example) for at most 300 s, no longer to be retired',
    );
    const shorter = await place(RULES.replace('name: shop', 'name: shop\n    mode: retire\n    lifetime: 60s'));
    const lost = await runProgram(['diff', config, shorter]);
    expect(lost.out.filter((line) => /^\S/.test(line)).map((line) => line.slice(0, 5))).toEqual(['gains', 'loses']);
  });

  it('shows what a source requires no longer', async () => {
    const found = await changed(
      '',
      '',
      CONFIGURATION.replace('{ repository_owner_id: 65 }', '{ repository_owner_id: [65, 66] }'),
    );
    expect(found.out).toEqual([
      'gains  github  deploy (https://deploy.example) for at most 300 s',
      'trust github: require was repository_owner_id "65", is repository_owner_id "65" or "66"',
    ]);
    expect(found.exits).toEqual([1]);
  });

  it('exits 2 for one configuration, and 3 for one that does not load', async () => {
    const broken = `${config}.broken.yaml`;
    writeFileSync(broken, 'issuer: none');
    expect((await runProgram(['diff', config])).exits).toEqual([2]);
    expect((await runProgram(['diff', config, broken])).exits).toEqual([3]);
  });
});
