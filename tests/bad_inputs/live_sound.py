"""Sound from elsewhere than files: several places at once, and options that do not go with them."""

from bad_inputs.model_folder import write
from bad_inputs.registry import bad_input


def live(folder, *arguments):
    command, model, _ = write(folder)
    return [command, model, *arguments]


@bad_input("sound from nowhere", "Missing argument 'INPUTS...'; or give --stream or --mic SECONDS.", code=2)
def nowhere(folder):
    return live(folder)


@bad_input("a stream beside a file", "INPUTS and --stream: sound comes from one of them; leave the others out", code=2)
def stream_and_file(folder):
    return live(folder, "a.wav", "--stream", "--window", "1")


@bad_input("a microphone beside a stream", "--stream and --mic: sound comes from one of them", code=2)
def stream_and_microphone(folder):
    return live(folder, "--stream", "--mic", "3", "--window", "1")


@bad_input("a stream without windows", "--stream: give the windows, as --window 3 --hop 1", code=2)
def stream_without_windows(folder):
    return live(folder, "--stream")


@bad_input("a stream as a table", "--format table: --stream writes JSON lines; leave it out", code=2)
def stream_as_table(folder):
    return live(folder, "--stream", "--window", "1", "--format", "table")


@bad_input("a stream into a file", "--out a.jsonl: --stream writes to standard output; redirect it", code=2)
def stream_into_file(folder):
    return live(folder, "--stream", "--window", "1", "--out", "a.jsonl")


@bad_input("a rate of a recording", "--rate 8000: is of --stream; recordings say their own", code=2)
def rate_of_recording(folder):
    return live(folder, "a.wav", "--rate", "8000")


@bad_input("a stream of nothing", "standard input: nothing came; pipe samples in")
def stream_of_nothing(folder):
    return live(folder, "--stream", "--window", "1")


@bad_input("voice activity of whole recordings", "--voice-activity energy: is told of windows; give --window", code=2)
def voice_activity_without_windows(folder):
    return live(folder, "a.wav", "--voice-activity", "energy")


@bad_input("a microphone for an hour", "3600.0 is not in the range 0.1<=x<=600", code=2)
def long_microphone(folder):
    return live(folder, "--mic", "3600")
