// `setup gcp` and `setup azure`: what people and programs read of the other side, and that a shell, gcloud's lists, CEL and Terraform read it as it
// was meant.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluated, formatted, hasTerraform, optionOf, wordsOf } from '../../support/applied.ts';
import { type OfflineFolder, offlineFolder } from '../../support/offline-folder.ts';
import { runProgram, type Said } from '../../support/program.ts';

const POOL = '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example';
const HOSTILE = `it's, "\${x}" \\ 'or true`;
const yamlText = (text: string): string => JSON.stringify(text.replaceAll('${', () => '$${'));

const CONFIG = `
trust:
  github: { kind: github, jwks: { file: ./github.json }, require: { repository_owner_id: 65 } }
targets:
  lake: { kind: gcp, provider: "${POOL}/providers/exchequer", serviceAccount: lake@example-data.iam.gserviceaccount.com }
  team: { kind: gcp, provider: "${POOL}/providers/exchequer", serviceAccount: "<team>-api@example-data.iam.gserviceaccount.com", lifetime: 2h }
  direct: { kind: gcp, provider: "${POOL}/providers/other", audience: ${yamlText(HOSTILE)} }
  vault: { kind: azure, tenant: example.onmicrosoft.com, clientId: 11111111-2222-3333-4444-555555555555, resource: https://vault.azure.net }
  graph: { kind: azure, tenant: example.onmicrosoft.com, clientId: 99999999-2222-3333-4444-555555555555, deliver: assertion, audience: "it's-\\"\\\\" }
`;

const POLICIES = {
  'rules.yaml': `
rules:
  - name: main
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/main } }
    allow: { lake: all, direct: all }
  - name: azure
    subject: { trust: github, github: { repository_id: 1, ref: refs/heads/main } }
    allow: [vault, graph]
  - name: team
    each: { team: teams.yaml }
    subject: { trust: github, github: { repository_id: <id>, ref: refs/heads/main } }
    allow: { team: all }
`,
  'teams.yaml': 'rows:\n  - { team: blue, id: 74 }\n  - { team: red, id: 75 }\n',
};

describe('setup for other clouds', () => {
  let folder: OfflineFolder;
  beforeAll(async () => {
    folder = await offlineFolder(CONFIG, POLICIES);
  });
  afterAll(() => folder.remove());
  const setup = (...words: readonly string[]): Promise<Said> =>
    runProgram(['setup', ...words, '--config', folder.config]);

  it('CG-02 CG-03 prints a provider that takes the target, and the binding of its service account', async () => {
    expect(await setup('gcp', 'lake', '--jwks', 'keys/jwks.json')).toEqual({
      exits: [0],
      out: `# Where the pool is there already, import it or leave this out.
resource "google_iam_workload_identity_pool" "example" {
  project                   = "123456789012"
  workload_identity_pool_id = "example"
}

# It takes assertions of the broker for these targets, and no others.
resource "google_iam_workload_identity_pool_provider" "example_exchequer" {
  project                            = "123456789012"
  workload_identity_pool_id          = google_iam_workload_identity_pool.example.workload_identity_pool_id
  workload_identity_pool_provider_id = "exchequer"
  attribute_mapping = {
    "google.subject"    = "assertion.sub"
    "attribute.target"  = "assertion.target"
    "attribute.subject" = "assertion.subject"
    "attribute.actor"   = "has(assertion.actor) ? assertion.actor : ''"
  }
  attribute_condition = "assertion.target in ['target:lake']"

  oidc {
    issuer_uri        = "https://sts.example"
    allowed_audiences = ["https://sts.example/targets/lake"]
    jwks_json         = file("keys/jwks.json")
  }
}

# Target lake may take on this service account. What that may do is granted elsewhere.
resource "google_service_account_iam_member" "example_exchequer_lake" {
  service_account_id = "projects/example-data/serviceAccounts/lake@example-data.iam.gserviceaccount.com"
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/attribute.target/target:lake"
}`.split('\n'),
      err: ['a provider takes what its condition says: name all targets of a provider in one call'],
    });
  });

  it('prints commands for gcloud, one binding for each value that rules give', async () => {
    const said = await setup('gcp', 'lake', 'team', '--format', 'cli', '--jwks', 'keys.json');
    const [pool = [], provider = [], lake = [], blue = [], red = []] = wordsOf(said.out, ['gcloud']);
    expect(pool).toEqual([
      ...['gcloud', 'iam', 'workload-identity-pools', 'create', 'example'],
      ...['--project', '123456789012', '--location', 'global'],
    ]);
    expect(provider.slice(0, 6)).toEqual([
      ...['gcloud', 'iam', 'workload-identity-pools', 'providers', 'create-oidc', 'exchequer'],
    ]);
    expect(optionOf(provider, '--allowed-audiences')).toEqual([
      'https://sts.example/targets/lake,https://sts.example/targets/team',
    ]);
    expect(optionOf(provider, '--attribute-condition')).toEqual([
      "assertion.target in ['target:lake', 'target:team:blue', 'target:team:red']",
    ]);
    expect(optionOf(provider, '--jwk-json-path')).toEqual(['keys.json']);
    expect([lake, blue, red].map((words) => words.at(-1))).toEqual([
      'lake@example-data.iam.gserviceaccount.com',
      'blue-api@example-data.iam.gserviceaccount.com',
      'red-api@example-data.iam.gserviceaccount.com',
    ]);
    expect(String(optionOf(red, '--member'))).toMatch(/\/attribute\.target\/target:team:red/);
    expect(said.err).toContain(
      'team lives longer than an hour: the constraint iam.allowServiceAccountCredentialLifetimeExtension must list blue-api@example-data.iam.gserviceaccount.com',
    );
  });

  it('says whom to grant access where there is no service account, and lets nothing in a text out of it', async () => {
    const said = await setup('gcp', 'direct', '--format', 'cli');
    const [, provider = []] = wordsOf(said.out, ['gcloud']);
    // A comma would end a value of a list: gcloud is told another separator.
    expect(optionOf(provider, '--allowed-audiences')).toEqual([`^|^${HOSTILE}`]);
    expect(said.err).toContain(
      'direct takes on no service account: grant what it may use to principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/attribute.target/target:direct',
    );
  });

  it('CZ-02 prints a federated credential with issuer, subject and audience as they are signed', async () => {
    expect(await setup('azure', 'vault')).toEqual({
      exits: [0],
      out: `# The application of target vault, in the tenant example.onmicrosoft.com.
data "azuread_application" "vault" {
  client_id = "11111111-2222-3333-4444-555555555555"
}

# What it may do is assigned to the application elsewhere.
resource "azuread_application_federated_identity_credential" "vault" {
  application_id = data.azuread_application.vault.id
  display_name   = "exchequer-vault"
  issuer         = "https://sts.example"
  subject        = "target:vault"
  audiences      = ["https://sts.example/targets/vault"]
}`.split('\n'),
      err: [
        'of a user-assigned managed identity it is azurerm_federated_identity_credential, or az identity federated-credential create, with the same three values',
        'a new credential is known everywhere after some minutes; until then Entra refuses with AADSTS70021 or AADSTS700213',
      ],
    });
    const said = await setup('azure', 'vault', 'graph', '--format', 'cli');
    const [vault = [], graph = []] = wordsOf(said.out, ['az']);
    expect(vault.slice(0, 5)).toEqual(['az', 'ad', 'app', 'federated-credential', 'create']);
    expect(optionOf(vault, '--id')).toEqual(['11111111-2222-3333-4444-555555555555']);
    expect(JSON.parse(String(optionOf(graph, '--parameters')))).toEqual({
      name: 'exchequer-graph',
      issuer: 'https://sts.example',
      subject: 'target:graph',
      audiences: ['it\'s-"\\'],
    });
  });

  it.each([
    [['aws', 'lake'], 'lake is a target of kind gcp: setup gcp lake'],
    [['gcp', 'vault'], 'vault is a target of kind azure: setup azure vault'],
    [['azure', 'vaults'], 'vaults is no target; did you mean vault?'],
    [
      ['azure', 'vault', '--jwks', 'x'],
      '--jwks is for gcp: the others read the keys below the issuer, from the broker or from a bucket there',
    ],
  ])('%j is wrong usage', async (words, says) => {
    expect(await setup(...words)).toEqual({ exits: [2], out: [], err: [says] });
  });

  it('says what Google would not take', async () => {
    const many = Array.from(
      { length: 400 },
      (_, index) => `{ team: team-${String(index).padStart(4, '0')}, id: ${index + 1} }`,
    );
    folder.write('policies/teams.yaml', `rows: [${many.join(', ')}]\n`);
    const said = await setup('gcp', 'team');
    folder.write('policies/teams.yaml', POLICIES['teams.yaml']);
    expect(said.exits).toEqual([0]);
    expect(said.err).toContain('these are the first 100: 300 more are not printed; --with chooses');
    const long = `${'a'.repeat(4_000)}`;
    const one = await setup('gcp', 'team', '--with', `team=${long}`);
    expect(one.exits).toEqual([0]);
    const two = await setup('gcp', 'team', '--with', `team=${long}${long}`);
    expect(two.err[0]).toBe('a condition has 4096 characters at most, this has 8036: give targets several providers');
    expect(two.exits).toEqual([1]);
  });

  // Terraform judges what is for Terraform; where it is not installed, the pages above are compared byte for byte all the same.
  describe.skipIf(!hasTerraform)('by Terraform itself', () => {
    it('is as `terraform fmt` leaves it', async () => {
      for (const words of [
        ['gcp', 'lake', 'team', 'direct', '--jwks', 'a"b.json'],
        ['azure', 'vault', 'graph'],
      ]) {
        const text = `${(await setup(...words)).out.join('\n')}\n`;
        expect(text).toContain('resource "');
        expect(formatted(text)).toBe(text);
      }
    });

    it('comes to the texts that are signed', async () => {
      const google = evaluated((await setup('gcp', 'direct')).out.join('\n'));
      expect(google['google_iam_workload_identity_pool_provider.example_other']?.oidc).toEqual({
        issuer_uri: 'https://sts.example',
        allowed_audiences: [HOSTILE],
      });
      const azure = evaluated((await setup('azure', 'graph')).out.join('\n'));
      expect(azure['azuread_application_federated_identity_credential.graph']).toMatchObject({
        subject: 'target:graph',
        audiences: ['it\'s-"\\'],
      });
    });
  });
});
