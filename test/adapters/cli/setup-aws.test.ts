// `setup aws`: what people and programs read of a role's trust, that a shell and Terraform read it as it was meant, and what it refuses.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluated, formatted, hasTerraform, optionOf, wordsOf } from '../../support/applied.ts';
import { type OfflineFolder, offlineFolder } from '../../support/offline-folder.ts';
import { runProgram, type Said } from '../../support/program.ts';

/** An audience that a shell, Terraform and a policy of AWS would each obey, if they were let. */
const HOSTILE = `it's "\${aws:userid}" %{if} \\ $\${x} \`id\` $(id)`;

const CONFIG = `
trust:
  github: { kind: github, jwks: { file: ./github.json }, require: { repository_owner_id: 65 } }
targets:
  plain: { kind: aws, role: "arn:aws:iam::111122223333:role/plain", region: eu-west-1 }
  deploy: { kind: aws, role: "arn:aws:iam::<account>:role/ci/gha-<repo>", region: eu-west-1, lifetime: 2h }
  tagged:
    kind: aws
    role: arn:aws:iam::111122223333:role/tagged
    region: eu-west-1
    session: { tags: true, carry: [run_id], sourceIdentity: true }
  named: { kind: aws, role: "arn:aws:iam::111122223333:role/<who>", region: eu-west-1 }
  hostile: { kind: aws, role: "arn:aws:iam::111122223333:role/hostile", region: eu-west-1, audience: ${JSON.stringify(HOSTILE.replaceAll('${', () => '$${'))} }
  china: { kind: aws, role: "arn:aws-cn:iam::111122223333:role/plain", region: cn-north-1 }
  gov: { kind: aws, role: "arn:aws-us-gov:iam::111122223333:role/plain", region: us-gov-west-1 }
  ledger: { kind: token, audience: https://ledger.example }
`;

const POLICIES = {
  'rules.yaml': `
rules:
  - name: main
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/main } }
    allow: [plain, tagged, hostile, china, gov]
  - name: each
    each: { repo: repos.yaml }
    subject: { trust: github, github: { repository_id: <id>, ref: refs/heads/main } }
    with: { account: "111122223333" }
    allow: [deploy]
  - name: captured
    subject: { trust: github, github: { repository_id: 9, repository: acme/<repo>, ref: refs/heads/main } }
    with: { account: "444455556666" }
    allow: [deploy]
  - name: anna
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/a } }
    with: { who: anna }
    allow: [named]
  - name: ben
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/b } }
    with: { who: path/b=n }
    allow: [named]
  - name: someday
    mode: preview
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/c } }
    with: { who: preview }
    allow: [named]
`,
  'repos.yaml': 'rows:\n  - { repo: shop, id: 74 }\n  - { repo: blog, id: 75 }\n',
};

interface TrustPolicy {
  readonly Version: string;
  readonly Statement: readonly {
    readonly Principal: { readonly Federated: string };
    readonly Action: readonly string[];
    readonly Condition: { readonly StringEquals: Readonly<Record<string, string | readonly string[]>> };
  }[];
}

describe('setup aws', () => {
  let folder: OfflineFolder;
  beforeAll(async () => {
    folder = await offlineFolder(CONFIG, POLICIES);
  });
  afterAll(() => folder.remove());
  const setup = (...words: readonly string[]): Promise<Said> =>
    runProgram(['setup', ...words, '--config', folder.config]);
  /** Policies by the name of the role. */
  const policiesOf = async (...words: readonly string[]): Promise<Readonly<Record<string, TrustPolicy>>> => {
    const said = await setup('aws', ...words, '--format', 'cli');
    const commands = wordsOf(said.out, ['aws']).filter((command) => command.includes('create-role'));
    return Object.fromEntries(
      commands.map((command) => {
        const [policy = ''] = optionOf(command, '--assume-role-policy-document');
        return [String(optionOf(command, '--role-name')), JSON.parse(policy)];
      }),
    );
  };

  it('CA-03 CA-01 prints Terraform for the provider, without a thumbprint, and for the role, pinned by audience and subject', async () => {
    expect(await setup('aws', 'plain')).toEqual({
      exits: [0],
      out: `# Account 111122223333 trusts the broker for these audiences.
resource "aws_iam_openid_connect_provider" "exchequer" {
  url            = "https://sts.example"
  client_id_list = ["https://sts.example/targets/plain"]
}

# What target plain asks for. What it may do is attached to it elsewhere.
resource "aws_iam_role" "plain" {
  name                 = "plain"
  path                 = "/"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Federated = aws_iam_openid_connect_provider.exchequer.arn
        }
        Action = ["sts:AssumeRoleWithWebIdentity"]
        Condition = {
          StringEquals = {
            "sts.example:aud" = "https://sts.example/targets/plain"
            "sts.example:sub" = "target:plain"
          }
        }
      },
    ]
  })
}`.split('\n'),
      err: [
        'an account has one identity provider for an issuer: name all targets of the account in one call, or add the audience to what is there',
      ],
    });
  });

  it('prints commands that a shell gives to the tool as they were meant', async () => {
    const said = await setup('aws', 'plain', 'deploy', '--format', 'cli');
    const [provider = [], plain = [], blog = [], shop = []] = wordsOf(said.out, ['aws']);
    expect(provider).toEqual([
      ...['aws', 'iam', 'create-open-id-connect-provider', '--url', 'https://sts.example'],
      ...['--client-id-list', 'https://sts.example/targets/plain', 'https://sts.example/targets/deploy'],
    ]);
    expect([plain, blog, shop].map((words) => optionOf(words, '--role-name'))).toEqual([
      ['plain'],
      ['gha-blog'],
      ['gha-shop'],
    ]);
    expect(optionOf(shop, '--path')).toEqual(['/ci/']);
    expect(optionOf(shop, '--max-session-duration')).toEqual(['7200']);
    expect(said.exits).toEqual([0]);
  });

  it('permits tags and a source identity where the target uses them, and says what policies can name (CA-06, CA-07)', async () => {
    expect((await policiesOf('tagged')).tagged?.Statement[0]?.Action).toEqual([
      'sts:AssumeRoleWithWebIdentity',
      'sts:TagSession',
      'sts:SetSourceIdentity',
    ]);
    expect((await setup('aws', 'tagged')).err.slice(1)).toEqual([
      'policies can say aws:PrincipalTag/subject',
      'policies can say aws:PrincipalTag/actor',
      'policies can say aws:PrincipalTag/decision',
      'policies can say aws:PrincipalTag/run_id',
    ]);
    expect((await policiesOf('plain')).plain?.Statement[0]?.Action).toEqual(['sts:AssumeRoleWithWebIdentity']);
  });

  it('names the provider in the partition of the role', async () => {
    const federated = async (target: string) =>
      Object.values(await policiesOf(target)).map(({ Statement }) => Statement[0]?.Principal.Federated);
    expect(await federated('china')).toEqual(['arn:aws-cn:iam::111122223333:oidc-provider/sts.example']);
    expect(await federated('gov')).toEqual(['arn:aws-us-gov:iam::111122223333:oidc-provider/sts.example']);
  });

  it('has a statement for each target that comes to a role, and none for a preview', async () => {
    expect(Object.keys(await policiesOf('named'))).toEqual(['anna', 'b=n']);
    const conditions = Object.entries(await policiesOf('plain', 'named', '--with', 'who=plain')).map(
      ([name, { Statement }]) => [name, Statement.map(({ Condition }) => Condition.StringEquals['sts.example:sub'])],
    );
    expect(conditions).toEqual([['plain', ['target:plain', 'target:named:plain']]]);
  });

  it('says which claim a rule leaves a parameter to, and takes its values from the command line', async () => {
    const said = await setup('aws', 'deploy');
    expect(said.err.slice(0, 2)).toEqual([
      'captured (policies/rules.yaml:11) takes <repo> of deploy from a claim: repository is "acme/<repo>"',
      '  a subject is compared whole, so that each value has a trust of its own: --with repo=VALUE',
    ]);
    const policies = await policiesOf('deploy', '--with', 'repo=docs');
    expect(Object.values(policies).map(({ Statement }) => Statement[0]?.Condition.StringEquals)).toEqual([
      {
        'sts.example:aud': 'https://sts.example/targets/deploy',
        'sts.example:sub': 'target:deploy:444455556666:docs',
      },
    ]);
  });

  it('has a provider in each account, under an alias of its own', async () => {
    const said = await setup('aws', 'plain', 'china');
    expect(said.out.filter((line) => /provider {13}=|openid_connect_provider" /.test(line))).toEqual([
      'resource "aws_iam_openid_connect_provider" "exchequer_aws_111122223333" {',
      '  provider             = aws.account_aws_111122223333',
      'resource "aws_iam_openid_connect_provider" "exchequer_aws_cn_111122223333" {',
      '  provider             = aws.account_aws_cn_111122223333',
    ]);
    expect(said.err).toContain(
      'the roles are in 2 accounts: each needs a provider of Terraform with the alias that is named',
    );
  });

  it('lets nothing in a text out of it: not in a shell, and not in a policy of AWS', async () => {
    const said = await setup('aws', 'hostile', '--format', 'cli');
    const [provider = []] = wordsOf(said.out, ['aws']);
    expect(optionOf(provider, '--client-id-list')).toEqual([HOSTILE]);
    // A variable of a policy would be replaced by what it stands for: `${$}` is the dollar itself.
    const condition = (await policiesOf('hostile')).hostile?.Statement[0]?.Condition.StringEquals ?? {};
    expect(condition['sts.example:aud']).toBe(HOSTILE.replaceAll('${', () => `\${$}{`));
  });

  it.each([
    [['aws', 'plian'], 'plian is no target; did you mean plain?'],
    [['aws', 'ledger'], 'ledger is a target of kind token: no cloud is asked for it, and none has to trust it'],
    [['aws', 'plain', '--with', 'repo=x'], 'plain has no parameter <repo>'],
    [['aws', 'deploy', '--with', 'repo'], '--with is a parameter and its value: --with repo=shop'],
    [
      ['aws', 'deploy', '--with', 'repo=a', '--with', 'repo=b'],
      '--with is a parameter and its value: --with repo=shop',
    ],
  ])('%j is wrong usage', async (words, says) => {
    expect(await setup(...words)).toEqual({ exits: [2], out: [], err: [says] });
  });

  it('says what AWS would not take, and that nobody can have it', async () => {
    const said = await setup('aws', 'deploy', '--with', 'repo=a b', '--with', 'account=9');
    expect(said.exits).toEqual([1]);
    expect(said.err.slice(0, 2)).toEqual([
      'deploy: arn:aws:iam::9:role/ci/gha-a b is no role of AWS',
      'no rule gives deploy with account=9, repo=a b: nobody can have it yet',
    ]);
  });

  it('prints nothing that a terminal would obey', async () => {
    const said = await setup('aws', 'deploy', '--with', 'repo=\u001b[2J', '--with', 'account=111122223333');
    expect(said).toMatchObject({ exits: [1], out: [] });
    expect(said.err[0]).toBe('deploy: its audience or a value has a character that is not printed');
  });

  it('has everything as JSON', async () => {
    const said = await setup('aws', 'plain', '--json');
    expect(JSON.parse(said.out.join('\n'))).toMatchObject({
      cloud: 'aws',
      issuer: 'https://sts.example',
      trusts: [
        {
          target: 'plain',
          rules: ['main'],
          trust: { role: 'arn:aws:iam::111122223333:role/plain', subject: 'target:plain', secondsMax: 3600 },
        },
      ],
      roles: [{ role: 'arn:aws:iam::111122223333:role/plain', trustPolicy: (await policiesOf('plain')).plain }],
    });
  });

  // Terraform judges what is for Terraform; where it is not installed, the page above is compared byte for byte all the same.
  describe.skipIf(!hasTerraform)('by Terraform itself', () => {
    it('is as `terraform fmt` leaves it', async () => {
      for (const words of [
        ['plain', 'deploy', 'tagged', 'hostile', 'named'],
        ['plain', 'china', 'gov'],
      ]) {
        const text = `${(await setup('aws', ...words)).out.join('\n')}\n`;
        expect(text).toContain('resource "aws_iam_role" "plain"');
        expect(formatted(text)).toBe(text);
      }
    });

    it('comes to the same as the commands', async () => {
      const said = await setup('aws', 'hostile', 'tagged');
      const values = evaluated(said.out.join('\n'));
      expect(values['aws_iam_openid_connect_provider.exchequer']).toEqual({
        url: 'https://sts.example',
        client_id_list: ['https://sts.example/targets/tagged', HOSTILE],
      });
      const arn = 'arn:aws:iam::111122223333:oidc-provider/sts.example';
      const policies = await policiesOf('hostile', 'tagged');
      for (const name of ['hostile', 'tagged']) {
        const role = values[`aws_iam_role.${name}`];
        const text = String(role?.assume_role_policy).replace('aws_iam_openid_connect_provider.exchequer.arn', arn);
        expect(JSON.parse(text)).toEqual(policies[name]);
      }
    });
  });
});
