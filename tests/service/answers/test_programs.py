"""The program in a response is found however it stands there, and formatting alone makes no other key."""

from __future__ import annotations

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.answers.programs import asked, code_key, program
from memreward_service.answers.reading import read_rollout

QUERY = 'Implement this function.\n\ndef scale(x: int, k: int) -> int:\n    """k times x."""\n'
SCALE = "def scale(x, k):\n    return x * k"
FENCED = f"```python\n{SCALE}\n```"
KEY = code_key(SCALE)


def key(response: str, query: str = QUERY) -> str | None:
    return read_rollout(Query(query, "q", Domain.CODE), Rollout(response)).answer_key


@pytest.mark.parametrize(
    "response",
    [
        FENCED,
        f"{FENCED}\nTry it:\n```python\nprint(scale(4, 2))\n```",
        f"{FENCED}\nExample:\n```python\nresult = scale(4, 2)\nassert result == 8\n```\nDone.",
        f"{FENCED}\n```python\ndef test_scale():\n    assert scale(1, 1) == 1\n```",
        f"{FENCED}\n```python\n>>> scale(4, 2)\n8\n```",
        f"{FENCED}\nThis prints:\n```\n8\n```",
        f"{FENCED}\n```text\nO(1) time\n```",
        f"{FENCED}\n```json\n{{\"x\": 4}}\n```",
        f"{FENCED}\n```\nTime: O(1)\nSpace: O(1)\n```",
        f"```sh\npip install nothing\n```\n{FENCED}\n```console\n$ python scale.py\n```",
        f"```python\ndef scale(x, k):\n    return x + k\n```\nThat adds. Corrected:\n{FENCED}",
        f"```python\ndef scale(x, k):\n    pass\n```\n{FENCED}\nSo:\n```python\ndef scale(x, k): ...\n```",
        f"{FENCED}\nSo:\n```python\ndef scale(x: int, k: int) -> int:\n    \"\"\"Do.\"\"\"\n    ...\n```",
        f"```cpp\nint scale(int x, int k) {{ return x * k; }}\n```\nIn Python:\n{FENCED}",
        f"{FENCED}\nThe same in C++:\n```cpp\nint scale(int x, int k) {{ return x * k; }}\n```",
        f"`````python\n{SCALE}\n`````",
        f"~~~python\n{SCALE}\n~~~",
        f"~~~\n{SCALE}\n~~~\nand ```inline``` text",
        f"Of course: ```py\n{SCALE}\n```",
        f"Of course: ```\n{SCALE}\n```",
        f"```python\n{SCALE}```",
        f"```python\n{SCALE}\n``` That is all.",
        FENCED.replace("\n", "\r\n"),
        FENCED.replace("\n", "\r"),
        "1. Code:\n   ```python\n   def scale(x, k):\n       return x * k\n   ```",
        "- ```python\n  def scale(x, k):\n      return x * k\n  ```\n- more",
        "> ```python\n> def scale(x, k):\n>     return x * k\n> ```\nquoted",
        f"```python\n{SCALE}",
        f"```python\n{SCALE}\n",
        f"```python\n{SCALE}\n\n{FENCED}",
        f"```{SCALE}\n```",
        f"```python {SCALE}\n```",
        f"{SCALE}\n```\nIt multiplies.",
        f"````markdown\n# Title\n{FENCED}\nmore\n````",
        *(f"```{tag}\n{SCALE}\n```" for tag in ("", "Python", "PYTHON3", "py", "py3", "python3.11", "{.python}")),
        *(f"```{tag}\n{SCALE}\n```" for tag in (" python", "language-python", "python title=x.py", "solution")),
        f"The program is this.\n\n{SCALE}\n\nIt multiplies x by k.",
        f"The program: {SCALE}\n\nIt multiplies x by k.",
        f"<code>\n{SCALE}\n</code>",
        f"<answer>{SCALE}</answer>",
        f"[PYTHON]\n{SCALE}\n[/PYTHON]\nThanks",
        "Indented:\n\n    def scale(x, k):\n        return x * k\n\nThat is it.",
        f"<think>\n```python\ndef scale(x, k):\n    return 0\n```\n</think>\n{FENCED}",
        f"{SCALE}\n\nOutput of a run:\n```\n8\n```",
        "```python\n# scale.py\ndef scale(x, k):\n  # multiply\n\n  return x*k   # done\n```",
        "```python\ndef scale(x, k):\n\t'''k times x.'''\n\treturn x * k\n```",
    ],
)  # fmt: skip
def test_the_program_is_found_wherever_it_stands(response: str) -> None:
    assert key(response) == KEY


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["import math", "def scale(x, k):\n    return math.prod([x, k])"],
         "import math\ndef scale(x, k):\n    return math.prod([x, k])"),
        (["from operator import mul", "def scale(x, k):\n    return mul(x, k)"],
         "from operator import mul\ndef scale(x, k):\n    return mul(x, k)"),
        (["def twice(x):\n    return 2 * x", "def scale(x, k):\n    return twice(x) * k / 2"],
         "def twice(x):\n    return 2 * x\ndef scale(x, k):\n    return twice(x) * k / 2"),
        (["LIMIT = 7", "def scale(x, k):\n    return min(x * k, LIMIT)"],
         "LIMIT = 7\ndef scale(x, k):\n    return min(x * k, LIMIT)"),
        (["def scale(x, k):\n    return late(x, k)", "def late(x, k):\n    return x * k"],
         "def scale(x, k):\n    return late(x, k)\ndef late(x, k):\n    return x * k"),
        (["import math", "def root(x):\n    return math.sqrt(x)", "def scale(x, k):\n    return root(x) * k"],
         "import math\ndef root(x):\n    return math.sqrt(x)\ndef scale(x, k):\n    return root(x) * k"),
    ],
)  # fmt: skip
def test_helpers_of_other_blocks_belong_to_the_program(parts: list[str], whole: str) -> None:
    response = "First\n" + "\nthen\n".join(f"```python\n{part}\n```" for part in parts)
    assert key(response) == code_key(whole)


@pytest.mark.parametrize(
    "other",
    [
        "x = 5\nresult = scale(x, 2)\nprint(result)",
        "def demo():\n    print(scale(1, 2))\ndemo()",
        "import unittest\nclass TestScale(unittest.TestCase):\n    def test_it(self):\n        self.fail()",
        "def total(values):\n    return sum(values)",
        "def k():\n    return 3",
    ],
)  # fmt: skip
def test_blocks_that_the_program_does_not_need_stay_out(other: str) -> None:
    for response in (f"{FENCED}\nand\n```python\n{other}\n```", f"```python\n{other}\n```\nand\n{FENCED}"):
        assert key(response) == KEY


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("def poly(x):\n    return x\n\ndef find(xs):\n    '''Find.'''", ("find", "poly")),
        ("class Solution:\n    def climb(self, n: int) -> int:\n        pass", ("Solution", "climb")),
        ("Write a function add(a, b) that adds.", ("add",)),
        ("Write a Python function called `last_word` which returns the last word.", ("last_word",)),
        ("Write a function to find the sum.\nYour code should pass:\nassert find_sum([1]) == 1", ("find_sum",)),
        ("Implement max_of(xs).", ("max_of",)),
        ("编写一个函数 count_words(s)。", ("count_words",)),
        ("Escribe una función llamada sumar.", ("sumar",)),
        ("Given a list, return its sum.\n>>> total([1, 2])\n3", ("total",)),
        ("Complete `int add(int a, int b)` in C++.", ("add",)),
        ("What is a closure?", ()),
    ],
)
def test_the_names_that_a_query_asks_for(query: str, names: tuple[str, ...]) -> None:
    assert asked(query).names[: len(names)] == names
    assert bool(asked(query).names) == bool(names)


@pytest.mark.parametrize(
    ("query", "language"),
    [("Write a C++ function.", "cpp"), ("Write a program in Java.", "java"), ("Use JavaScript.", "javascript"),
     ("Solve it in Rust or Go.", "rust"), ("def f(x):", "python"), ("```cpp\nint f();\n```\nWrite it.", "cpp"),
     ("Write a Go function.", "go"), ("Write it in C.", "c"), ("Write a bash script.", "bash"), ("Go home.", ""),
     ("Write SQL.", "sql"), ("In C#, do it.", "csharp")],
)  # fmt: skip
def test_the_language_that_a_query_asks_for(query: str, language: str) -> None:
    assert asked(query).language == language


CPP = "#include <iostream>\nint scale(int x, int k) {\n    return x * k;\n}"


@pytest.mark.parametrize(
    "response",
    [
        f"```cpp\n{CPP}\n```",
        f"```c++\n{CPP}\n```\nCompile:\n```bash\ng++ a.cpp\n```",
        f"```\n{CPP}\n```\nUsage:\n```cpp\nint main() {{ std::cout << scale(1, 2); }}\n```",
        f"In Python it is\n{FENCED}\nand in C++\n```cpp\n{CPP}\n```",
        f"```cpp\n{CPP}\n```\nIn Python it is\n{FENCED}",
        f"Here: ```cpp\n{CPP}```",
        "```cpp\n#include <iostream>\n// multiplies\nint scale(int x, int k)\n{ return x * k; /* done */ }\n```",
    ],
)
def test_the_program_is_in_the_language_that_is_asked_for(response: str) -> None:
    assert key(response, "Write a C++ function `scale(int x, int k)`.") == code_key(CPP, "cpp")


@pytest.mark.parametrize(
    ("language", "query", "code"),
    [
        ("javascript", "Write a JavaScript function scale(x, k).", "function scale(x, k) {\n  return x * k;\n}"),
        ("javascript", "Write a JavaScript function scale(x, k).", "const scale = (x, k) => x * k;"),
        ("java", "Write a Java method `scale(x, k)`.", "public static int scale(int x, int k) {\n  return x * k;\n}"),
        ("go", "Write a Go function scale(x, k).", "func scale(x int, k int) int {\n\treturn x * k\n}"),
        ("rust", "Write a Rust function scale(x, k).", "fn scale(x: i32, k: i32) -> i32 {\n    x * k\n}"),
        ("sql", "Write an SQL query for the sum of x.", "SELECT SUM(x) FROM t;"),
        ("bash", "Write a bash script that lists files.", "ls -l"),
    ],
)
def test_other_languages_have_demonstrations_too(language: str, query: str, code: str) -> None:
    alone = key(f"```{language}\n{code}\n```", query)
    assert alone == code_key(code, language)
    assert key(f"```{language}\n{code}\n```\nOutput:\n```text\n6\n```\nor\n```\n6\n```", query) == alone


def test_a_script_is_the_block_that_reads_its_input() -> None:
    query = "Read two integers from standard input and print their sum."
    script = "a, b = map(int, input().split())\nprint(a + b)"
    response = (
        f"The idea:\n```python\ndef add(a, b):\n    return a + b\n```\n```python\n{script}\n```\nOutput:\n```\n3\n```"
    )
    assert key(response, query) == code_key(script)
    assert key(f"Solution:\n\n{script}\n\nIt adds.", query) == code_key(script)


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ("x=f( 1,2 )", "x = f(1, 2)  # call"),
        ("print('a')", 'print("a")'),
        ("def f():\n  '''Doc.'''\n  return 1", "def f():\n    return 1"),
        ("x = [\n    1,\n    2,\n]", "x = [1, 2]"),
        ("if a:\n\tb()\n\tc()", "if a:\n    b()\n    c()\n\n\n"),
        ("a = 1 + \\\n    2", "a = 1 + 2"),
        ("x = 1;", "x = 1"),
        ("s = u'a'", "s = 'a'"),
        ("s = '''a'''", "s = 'a'"),
    ],
)
def test_formatting_alone_makes_no_other_key(code: str, same: str) -> None:
    assert code_key(code) == code_key(same)


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("x = (1,)", "x = (1)"),
        ("x = y[1,]", "x = y[1]"),
        ("if a:\n    b()\n    c()", "if a:\n    b()\nc()"),
        ("if a:\n    b()\nelse:\n    c()", "if a:\n    b()\n    c()"),
        ("print('#a')", "print('#b')"),
        ("print('a b')", "print('a  b')"),
        ("s = r'\\n'", "s = '\\n'"),
        ("s = f'{x}'", "s = '{x}'"),
        ("s = b'x'", "s = 'x'"),
        ("f'{g()}'", "'x'"),
        ("x = a - -b", "x = a --b + 0"),
        ("x = 1.5", "x = 15"),
        ("ab = 1", "a = b = 1"),
        ("x = 'a' 'b'", "x = 'a', 'b'"),
        ("s = '''a\n\nb'''", "s = '''a\nb'''"),
        ("not_x", "not x"),
        ("x = 1 if y else 2", "x = 2 if y else 1"),
    ],
)
def test_other_programs_have_other_keys(code: str, other: str) -> None:
    assert code_key(code) != code_key(other)


@pytest.mark.parametrize(
    ("language", "code", "other"),
    [
        ("cpp", "x = a + +b;", "x = a ++ b;"),
        ("cpp", "#define A 1\nint x;", "#define A 1 int x;"),
        ("cpp", 's = "a//b";', 's = "a";'),
        ("javascript", "return\nx", "return x"),
        ("javascript", "x = /\\//; y()", "x = /\\//; z()"),
        ("bash", "echo ${#x}", "echo ${"),
        ("rust", "let x: &'a str = y; // '", "let x: &'b str = y; // '"),
    ],
)
def test_other_programs_of_other_languages_have_other_keys(language: str, code: str, other: str) -> None:
    assert code_key(code, language) != code_key(other, language)


def test_what_is_no_program_is_taken_whole() -> None:
    found = program("I do not know.", QUERY)
    assert (found.answer, found.rule) == ("I do not know.", "whole text")
    assert program("```text\nx\n```", QUERY).answer == "x"
    assert program(f"Well.\n{FENCED}", QUERY).rule == "fenced: defines what is asked for"


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" + "x = 1\n" * 20_000,
        "```\n" * 30_000,
        "".join(" " * (n % 90) + "```\n" for n in range(3_000)),
        "```" * 40_000,
        "~~~ ```" * 15_000,
        "\n" * 60_000 + "x" * 60_000,
        '"""' * 40_000,
        '"""\\' * 30_000,
        "'''\"\"\"\\" * 17_000,
        "(" * 120_000,
        "a.b" * 40_000,
        "if " + ":" * 100_000,
        "if : # " * 17_000,
        "import" + " " * 100_000 + "!",
        "a, " * 40_000,
        "def f(x):\n" * 12_000,
        "def f(x):\n    return g\n```\n```python\n" * 3_000,
        "int " * 30_000,
        "x = 1\n\n" * 17_000,
        "<" * 120_000,
        "/*" * 60_000,
        "`" * 120_000,
        " " * 120_000,
        "\t- " * 40_000,
        "class A:\n" + " " * 50_000 + "x",
    ],
)
@pytest.mark.parametrize("language", ["python", "C++", "JavaScript", "bash script"])
@pytest.mark.timeout(5)
def test_hostile_text_takes_no_longer(text: str, language: str) -> None:
    assert isinstance(key(text, f"Write a {language} function f(x).\n{text[:30_000]}"), str | None)
