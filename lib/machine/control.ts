// What can be done to a machine that runs, whatever program runs it: the verbs of `tasks/vm.ts`. Each monitor has its own way to do them.

export interface MachineInfo {
  /** In the monitor's words: "running", "paused". */
  readonly state: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface MachineSize {
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

export type PictureFormat = 'ppm' | 'png';

/** Every verb fails with a Failure in the monitor's own words. */
export interface MachineControl {
  info(): Promise<MachineInfo>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Asks for another size; the guest has to play along. */
  resize(size: MachineSize): Promise<void>;
  /** Writes the machine's state, and what its disks differ by, into a folder that exists; then goes on as it was. */
  snapshot(folder: string): Promise<void>;
  /** Writes a picture of the screen to an absolute path. */
  screenshot(file: string, format: PictureFormat): Promise<void>;
  /** Presses the power button. */
  shutdown(): Promise<void>;
  close(): void;
}
