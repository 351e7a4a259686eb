// Tests requests to the interface of Cloud Hypervisor. A test server receives them and compares them with the
// OpenAPI description: paths, methods, whether there is a body, and which fields it may have.
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cloudHypervisorControl } from './control.ts';

/** From vmm/src/api/openapi/cloud-hypervisor.yaml, 0.3.0: of each path its method, the answer to a good request, and the types of its body's fields. */
const described: Readonly<Record<string, { method: string; status: number; body?: Readonly<Record<string, string>> }>> = {
  '/api/v1/vm.info': { method: 'GET', status: 200 },
  '/api/v1/vm.pause': { method: 'PUT', status: 204 },
  '/api/v1/vm.resume': { method: 'PUT', status: 204 },
  '/api/v1/vm.power-button': { method: 'PUT', status: 204 },
  '/api/v1/vm.resize': { method: 'PUT', status: 204, body: { desired_vcpus: 'number', desired_ram: 'number', desired_balloon: 'number' } },
  '/api/v1/vm.snapshot': { method: 'PUT', status: 204, body: { destination_url: 'string' } },
};

const root = await mkdtemp(join(tmpdir(), 'ch-api-'));
const socket = join(root, 'api');
const heard: string[] = [];
let state = 'Running';
let refuses = false;
const server = createServer((request, response) => {
  let text = '';
  request.on('data', (part) => (text += String(part)));
  request.on('end', () => {
    const path = request.url ?? '';
    const row = described[path];
    heard.push(`${path.replace('/api/v1/', '')}${text}`);
    const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text);
    const fits = row && row.method === request.method && Object.entries(body).every(([name, value]) => row.body?.[name] === typeof value);
    if (!fits || (text === '') !== !row.body) {
      response.writeHead(400).end(`not described: ${request.method} ${path} ${text}`);
      return;
    }
    if (path.endsWith('pause')) state = 'Paused';
    if (path.endsWith('resume')) state = 'Running';
    if (refuses) response.writeHead(500).end('Error from API: the VM is not created');
    else if (path.endsWith('info')) {
      response
        .writeHead(200)
        .end(JSON.stringify({ state, config: { cpus: { boot_vcpus: 2 }, memory: { size: 1024 } }, memory_actual_size: 1000 }));
    } else response.writeHead(row.status).end();
  });
});
server.listen(socket);
await once(server, 'listening');
test.after(async () => {
  server.close();
  await rm(root, { recursive: true });
});
const control = cloudHypervisorControl(socket);
test.before.each(() => {
  heard.length = 0;
  refuses = false;
});

test('every verb is a request that is described', async () => {
  assert.equal(await control.info(), { state: 'running', cpus: 2, memoryBytes: 1000 });
  await control.pause();
  await control.resume();
  await control.resize({ cpus: 4 });
  await control.resize({ memoryBytes: 2 ** 31 });
  await control.shutdown();
  assert.equal(heard.slice(1), [
    'vm.pause',
    'vm.resume',
    'vm.resize{"desired_vcpus":4}',
    'vm.resize{"desired_ram":2147483648}',
    'vm.power-button',
  ]);
});

test('a snapshot pauses a machine that runs, and only a machine that ran is resumed', async () => {
  await control.snapshot('/tmp/x');
  assert.equal(heard, ['vm.info', 'vm.pause', 'vm.snapshot{"destination_url":"file:///tmp/x"}', 'vm.resume']);
  await control.pause();
  heard.length = 0;
  await control.snapshot('/tmp/x');
  assert.equal(heard, ['vm.info', 'vm.snapshot{"destination_url":"file:///tmp/x"}']);
});

test('a refusal is reported with its message, and so is a machine that has ended', async () => {
  refuses = true;
  const refused: unknown = await control.pause().catch((reason: unknown) => reason);
  assert.match(String(refused), 'Cannot have Cloud Hypervisor do "vm.pause": Error from API: the VM is not created');
  const gone: unknown = await cloudHypervisorControl(join(root, 'none'))
    .pause()
    .catch((reason: unknown) => reason);
  assert.match(String(gone), 'Cannot have Cloud Hypervisor do "vm.pause"');
});

test.run();
