"""Golden values as text that the unit tests read (tests/unit/golden.h): a line holds a name, how many values
follow, and the values."""
import numpy


def text(value):
    return str(int(value)) if float(value).is_integer() else f"{value:.10g}"


class Golden:
    def __init__(self, path, made_by):
        self.file = open(path, "w")
        self.file.write(f"# made by tests/oracle/{made_by}\n")

    def put(self, name, values):
        values = numpy.asarray(values, dtype=numpy.float64).reshape(-1)
        self.file.write(" ".join([name, str(len(values))] + [text(value) for value in values]) + "\n")

    def close(self):
        self.file.close()
