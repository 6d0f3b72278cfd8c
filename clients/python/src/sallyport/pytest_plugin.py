"""The fixture for pytest."""

import pytest

from . import start


def pytest_addoption(parser):
    parser.addini("sallyport_template", "template that the fixture sallyport deploys", default=".")


def pytest_configure(config):
    config.addinivalue_line("markers", "sallyport(template, parameters=None): what the fixture sallyport deploys")


class Servers:
    """The servers of a session, by what they deploy."""

    def __init__(self, run=start):
        self._run = run
        self._servers = {}

    def get(self, template, parameters=None):
        """The server of a template; it is started by the first who asks."""
        key = (str(template), tuple(sorted((parameters or {}).items())))
        if key not in self._servers:
            self._servers[key] = self._run(template, parameters=parameters)
        return self._servers[key]

    def stop(self):
        """Stops all servers."""
        while self._servers:
            self._servers.popitem()[1].stop()


@pytest.fixture(scope="session")
def sallyport_servers():
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture
def sallyport(request, sallyport_servers):
    """A running server with the template of the test's mark, or of the ini file."""
    mark = request.node.get_closest_marker("sallyport")
    arguments = {"template": request.config.getini("sallyport_template")}
    if mark:
        arguments.update(zip(("template", "parameters"), mark.args))
        arguments.update(mark.kwargs)
    return sallyport_servers.get(**arguments)
