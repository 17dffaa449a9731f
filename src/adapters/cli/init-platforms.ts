// What `exchequer init` writes for each kind of trust source: the source, one rule as tight as the platform allows, and for each value that
// only a person can know an example and the command that finds it. Data; every kind there is has an entry (test/adapters/cli/init.test.ts).

/** A value to fill in. It is named in the lines as `<name>`. */
export interface Blank {
  readonly example: string;
  /** How to find it, in a few words or as a command. */
  readonly find: string;
}

export interface FirstSteps {
  /** Of the source, where it may not be called by its kind. */
  readonly name?: string;
  readonly blanks: Readonly<Record<string, Blank>>;
  /** YAML lines below the source's name, without `kind`. */
  readonly source: readonly string[];
  /** YAML lines below `subject:`, without `trust`. */
  readonly subject: readonly string[];
}

const decoded = (claim: string): string =>
  `jq -rR 'split(".")[1] | gsub("-";"+") | gsub("_";"/") | @base64d | fromjson | .${claim}' token`;

/** By kind. */
export const FIRST_STEPS: Readonly<Record<string, FirstSteps>> = {
  github: {
    blanks: {
      repository_owner_id: { example: '65', find: 'gh api users/OWNER --jq .id' },
      repository_id: { example: '74', find: 'gh api repos/OWNER/REPO --jq .id' },
    },
    source: [
      'require:',
      '  repository_owner_id: <repository_owner_id>',
      '  event_name: [push, workflow_dispatch, release]',
    ],
    subject: ['github:', '  repository_id: <repository_id>', '  ref: refs/heads/main'],
  },
  gitlab: {
    blanks: {
      namespace_id: { example: '72', find: 'glab api groups/GROUP | jq .id' },
      project_id: { example: '20', find: 'glab api projects/GROUP%2FPROJECT | jq .id' },
    },
    source: ['require:', '  namespace_id: <namespace_id>', '  ref_protected: "true"'],
    subject: ['gitlab:', '  project_id: <project_id>', '  ref_path: refs/heads/main'],
  },
  kubernetes: {
    blanks: {
      issuer: {
        example: 'https://cluster.example',
        find: 'kubectl get --raw /.well-known/openid-configuration | jq -r .issuer',
      },
      namespace: { example: 'payments', find: 'kubectl get namespaces' },
      serviceaccount: { example: 'api', find: 'kubectl -n NAMESPACE get serviceaccounts' },
    },
    source: [
      'issuer: <issuer>',
      '# Where the broker cannot reach the issuer: jwks: { file: ./cluster.json }, from kubectl get --raw /openid/v1/jwks',
    ],
    subject: ['kubernetes:', '  namespace: <namespace>', '  serviceaccount: <serviceaccount>'],
  },
  spiffe: {
    name: 'mesh',
    blanks: {
      trustDomain: { example: 'prod.example', find: 'spire-agent api fetch x509 prints the SPIFFE ID' },
      socket: { example: '/run/spire/agent-sockets/api.sock', find: "the agent's socket on the broker's host" },
      path: { example: 'ns/payments/sa/api', find: 'the rest of the SPIFFE ID' },
    },
    source: ['trustDomain: <trustDomain>', 'workloadApi: unix://<socket>'],
    subject: ['sub: spiffe://<trustDomain>/<path>'],
  },
  oidc: {
    blanks: {
      issuer: { example: 'https://login.example', find: decoded('iss') },
      sub: { example: 'batch-reports', find: decoded('sub') },
    },
    source: ['issuer: <issuer>', 'subjects: workloads', 'tokens: [jwt]', 'presenter: self'],
    subject: ['sub: <sub>'],
  },
  buildkite: {
    blanks: {
      organization_id: { example: 'f892efa9-103e-4d28-97a1-3b8616a0994d', find: decoded('organization_id') },
      pipeline_id: { example: '0184990a-4782-42b5-afc1-16715b10b100', find: decoded('pipeline_id') },
    },
    source: ['require: { organization_id: <organization_id> }'],
    subject: [
      'buildkite:',
      '  pipeline_id: <pipeline_id>',
      '  build_branch: main',
      '  build_source: [webhook, schedule]',
    ],
  },
  circleci: {
    blanks: {
      organization: { example: '7d3cd6d5-7d8a-4b8e-9a62-0b3f5a4e1c01', find: 'Organization Settings: Organization ID' },
      project: { example: '2b3c4d5e-6f70-4811-9223-34455667788a', find: 'Project Settings: Project ID' },
      origin: { example: 'github.com/example-org/shop', find: 'the repository, as in oidc.circleci.com/vcs-origin' },
    },
    source: ['issuer: https://oidc.circleci.com/org/<organization>'],
    subject: [
      'circleci:',
      '  org-id: <organization>',
      '  project-id: <project>',
      '  vcs-origin: <origin>',
      '  vcs-ref: refs/heads/main',
    ],
  },
  bitbucket: {
    blanks: {
      workspace: { example: 'example', find: 'Repository settings, OpenID Connect: the identity provider URL' },
      workspaceUuid: { example: '11111111-2222-4333-8444-555555555555', find: 'the same page, without braces' },
      repositoryUuid: { example: '0aa0aa0a-1111-4222-8333-444455556666', find: 'the same page, without braces' },
      environmentUuid: {
        example: 'deaddead-0000-4000-8000-000000000001',
        find: 'the same page, of the deployment environment, without braces',
      },
    },
    source: [
      'issuer: https://api.bitbucket.org/2.0/workspaces/<workspace>/pipelines-config/identity/oidc',
      'otherAudiences: allow',
      'accept: { other-audiences: "Bitbucket puts the workspace beside every audience" }',
    ],
    subject: [
      'bitbucket:',
      '  workspaceUuid: "{<workspaceUuid>}"',
      '  repositoryUuid: "{<repositoryUuid>}"',
      '  deploymentEnvironmentUuid: "{<environmentUuid>}"',
    ],
  },
  'azure-devops': {
    blanks: {
      organization: {
        example: '0ca3ddd9-f0b0-4635-a98c-5866526961b6',
        find: 'https://dev.azure.com/ORGANIZATION/_apis/connectionData: instanceId',
      },
      prj_id: {
        example: '271ef6f7-5998-4b0a-86fb-4b54d9129990',
        find: 'az devops project show --project PROJECT --query id',
      },
      def_id: { example: '42', find: 'az pipelines show --name PIPELINE --query id' },
    },
    source: ['issuer: https://vstoken.dev.azure.com/<organization>', 'maxAge: 5m'],
    subject: ['azure-devops:', '  prj_id: <prj_id>', '  def_id: <def_id>', '  rpo_ref: refs/heads/main'],
  },
  forgejo: {
    blanks: {
      host: { example: 'codeberg.org', find: 'the host of the instance' },
      repository_owner_id: { example: '123456', find: 'curl https://HOST/api/v1/users/OWNER | jq .id' },
      repository_id: { example: '456789', find: 'curl https://HOST/api/v1/repos/OWNER/REPO | jq .id' },
    },
    source: ['issuer: https://<host>/api/actions', 'require: { repository_owner_id: <repository_owner_id> }'],
    subject: ['forgejo:', '  repository_id: <repository_id>', '  ref: refs/heads/main', '  event_name: push'],
  },
  'hcp-terraform': {
    blanks: {
      organization_id: { example: 'org-GRNbCjYNpBB6NEH9', find: 'Organization Settings, General: ID' },
      workspace_id: { example: 'ws-mbsd5E3Ktt5Rg2Xm', find: "the workspace's page, below its name" },
    },
    source: ['require: { organization_id: <organization_id> }', 'maxAge: 2h'],
    subject: ['hcp-terraform:', '  workspace_id: <workspace_id>', '  run_phase: apply'],
  },
  spacelift: {
    blanks: {
      account: { example: 'example', find: "the account's name in its URL" },
      callerId: { example: 'network', find: "the stack's id in its URL" },
    },
    source: ['issuer: https://<account>.app.spacelift.io'],
    subject: ['spacelift:', '  callerType: stack', '  callerId: <callerId>', '  runType: TRACKED', '  scope: write'],
  },
  vercel: {
    blanks: {
      team: { example: 'example', find: "the team's slug" },
      owner_id: { example: 'team_7Gw5ZMzpQA8h90F832KGp7nwbuh3', find: 'Team Settings: Team ID' },
      project_id: { example: 'prj_7Gw5ZMBpQA8h9GF832KGp7nwbuh3', find: 'Project Settings: Project ID' },
    },
    source: ['issuer: https://oidc.vercel.com/<team>'],
    subject: ['vercel:', '  owner_id: <owner_id>', '  project_id: <project_id>', '  environment: production'],
  },
  fly: {
    blanks: {
      organization: { example: 'example-org', find: 'fly orgs list: the slug' },
      org_id: { example: '11111111', find: decoded('org_id') },
      app_id: { example: '22222222', find: decoded('app_id') },
    },
    source: ['issuer: https://oidc.fly.io/<organization>'],
    subject: ['fly:', '  org_id: <org_id>', '  app_id: <app_id>'],
  },
  google: {
    blanks: {
      sub: {
        example: '103923486725347586453',
        find: "gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'",
      },
      email: { example: 'deployer@example-project.iam.gserviceaccount.com', find: 'gcloud iam service-accounts list' },
    },
    source: [],
    subject: ['google:', '  sub: "<sub>"', '  email: <email>'],
  },
  aws: {
    blanks: {
      issuer: {
        example: 'https://a1b2c3d4-5678-90ab-cdef-111122223333.tokens.sts.global.api.aws',
        find: 'aws iam get-outbound-web-identity-federation-info',
      },
      account: { example: '123456789012', find: 'aws sts get-caller-identity --query Account' },
      role: { example: 'order-worker', find: "the role's path and name: aws iam list-roles --query 'Roles[].Arn'" },
    },
    source: ['issuer: <issuer>'],
    subject: ['aws:', '  account: "<account>"', '  role: arn:aws:iam::<account>:role/<role>'],
  },
  entra: {
    blanks: {
      tenant: { example: '72f988bf-86f1-41af-91ab-2d7cd011db47', find: 'az account show --query tenantId' },
      audience: {
        example: '5f1f1f1f-1111-4222-8333-444455556666',
        find: 'az ad app list --query "[].appId": one of your own',
      },
      oid: { example: '9f5e9a3c-aaaa-4bbb-8ccc-ddddeeeeffff', find: 'az identity show --query principalId' },
    },
    source: [
      'issuer: https://login.microsoftonline.com/<tenant>/v2.0',
      'audience: <audience>',
      'accept: { no-max-age: "Azure hands out one token for a day" }',
    ],
    subject: ['entra:', '  oid: <oid>'],
  },
  'aws-caller-identity': {
    name: 'aws-roles',
    blanks: {
      region: { example: 'eu-west-1', find: 'the region in which the workload runs' },
      account: { example: '123456789012', find: 'aws sts get-caller-identity --query Account' },
      role: { example: 'order-worker', find: 'aws iam list-roles --query "Roles[].RoleName"' },
      role_id: { example: 'AROAEXAMPLEEXAMPLE12', find: 'aws iam get-role --role-name ROLE --query Role.RoleId' },
    },
    source: ['regions: [<region>]', 'require:', '  account: "<account>"'],
    subject: ['aws-caller-identity:', '  account: "<account>"', '  role: <role>', '  role_id: <role_id>'],
  },
};

/** What `init` calls the source of a kind. */
export const sourceName = (kind: string): string => FIRST_STEPS[kind]?.name ?? kind;

/** In the order of their names. */
export const PLATFORMS: readonly string[] = Object.keys(FIRST_STEPS).sort();
