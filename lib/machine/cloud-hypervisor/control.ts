// Controls a running machine by requests to Cloud Hypervisor's HTTP interface on a unix socket: paths,
// methods and bodies as in its vmm/src/api/openapi/cloud-hypervisor.yaml, version 0.3.0.
import { request } from 'node:http';
import type { Json } from '../../core/digest.ts';
import { cannot, cannotBecause } from '../../core/errors.ts';
import type { MachineControl, MachineInfo } from '../machine.ts';

export function cloudHypervisorControl(apiSocket: string): MachineControl {
  const put = async (verb: string, body?: Json): Promise<void> => void (await ask(apiSocket, 'PUT', verb, body));
  const info = async (): Promise<MachineInfo> => {
    return infoIn(await ask(apiSocket, 'GET', 'vm.info'));
  };
  return {
    info,
    pause: () => put('vm.pause'),
    resume: () => put('vm.resume'),
    resize: ({ cpus, memoryBytes }) =>
      put('vm.resize', {
        ...(cpus === undefined ? {} : { desired_vcpus: cpus }),
        ...(memoryBytes === undefined ? {} : { desired_ram: memoryBytes }),
      }),
    async snapshot(folder) {
      const ran = (await info()).state === 'running';
      if (ran) await put('vm.pause'); // only a paused machine can be saved
      try {
        await put('vm.snapshot', { destination_url: `file://${folder}` });
      } finally {
        if (ran) await put('vm.resume');
      }
    },
    screenshot: () => Promise.reject(cannot('take a screenshot', 'Cloud Hypervisor has no screen', { hint: '--vmm qemu has one' })),
    shutdown: () => put('vm.power-button'),
    close: () => undefined,
  };
}

/** Returns the part of a `VmInfo` that is used. Any other text is a Failure. */
function infoIn(text: string): MachineInfo {
  const value: unknown = JSON.parse(text);
  const at = (...path: readonly string[]): unknown =>
    path.reduce<unknown>(
      (inner, name) =>
        typeof inner === 'object' && inner !== null ? new Map<string, unknown>(Object.entries(inner)).get(name) : undefined,
      value,
    );
  const [state, cpus, memoryBytes] = [
    at('state'),
    at('config', 'cpus', 'boot_vcpus'),
    at('memory_actual_size') ?? at('config', 'memory', 'size'),
  ];
  if (typeof state === 'string' && typeof cpus === 'number' && typeof memoryBytes === 'number')
    return { state: state.toLowerCase(), cpus, memoryBytes };
  throw cannot('read the state of the machine', "Cloud Hypervisor's response does not match its API description");
}

/** Returns the body of a successful response. */
async function ask(socketPath: string, method: 'GET' | 'PUT', verb: string, body?: Json): Promise<string> {
  const what = `have Cloud Hypervisor do "${verb}"`;
  const [status, text] = await new Promise<[number, string]>((resolve, reject) => {
    const sent = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      Accept: 'application/json',
      ...(sent === '' ? {} : { 'Content-Type': 'application/json' }),
      'Content-Length': sent.length,
    };
    const asked = request({ socketPath, method, path: `/api/v1/${verb}`, headers }, (answer) => {
      let heard = '';
      answer.setEncoding('utf8').on('data', (part: string) => (heard += part));
      answer.on('end', () => resolve([answer.statusCode ?? 0, heard]));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(sent);
  }).catch((error: unknown) => {
    throw cannotBecause(what, error);
  });
  if (status === 200 || status === 204) return text;
  throw cannot(what, text.trim() === '' ? `it answers ${status}` : text.trim());
}
